package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// way is one of the compared routes from the client to the service.
type way struct {
	name string
	host string // 127.0.0.1:PORT
	key  string // the key that the client sends, or the gateway's token
	pid  int    // the pid of the proxy or the gateway, or else of the service
}

// request returns the bytes of a request on this route.
func (w way) request(path string, body []byte, header ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nX-Opencode-Session: ses_bench\r\nContent-Length: %d\r\n",
		prefix, path, w.host, w.key, len(body))
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// patience is the time limit of every network operation.
const patience = 20 * time.Second

// wire is one connection of a client. It does as little work as possible, so that the client adds
// little to the measured time. After an error it can no longer be used.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
}

// dial opens a connection that is closed when ctx ends.
func dial(ctx context.Context, w way) (*wire, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp4", w.host)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &wire{conn, bufio.NewReader(conn)}, nil
}

func (w *wire) close() { _ = w.conn.Close() }

// extend sets the connection's deadline to patience from now.
func (w *wire) extend() error { return w.conn.SetDeadline(time.Now().Add(patience)) }

var contentLength = []byte("content-length:")

// exchange sends a request, reads the answer and returns its status. The answer must have a length.
func (w *wire) exchange(request []byte) (status int, err error) {
	if _, err := w.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("not HTTP: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("not HTTP: %q", line)
	}
	length := -1
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errors.New("the answer has no length")
	}
	_, err = w.in.Discard(length)
	return status, err
}

// ask is like exchange, and returns an error if the status of the answer is not 200.
func (w *wire) ask(request []byte) error {
	status, err := w.exchange(request)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the answer was %d", status)
	}
	return err
}

// stream sends a request and returns the body of its answer. The caller must read the body to its
// end before the next request.
func (w *wire) stream(request []byte) (io.ReadCloser, error) {
	if _, err := w.conn.Write(request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the answer was %d", resp.StatusCode), resp.Body.Close())
	}
	return resp.Body, nil
}
