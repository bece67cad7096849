package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"ocgo-key/internal/version"
)

const (
	// pingTimeout is the time limit of one ping. A gateway that does not answer in time is busy or
	// suspended, but not gone.
	pingTimeout = 10 * time.Second
	// pingPause is the time between two pings.
	pingPause = 100 * time.Millisecond
	// maxPingFailures is how many pings in a row must fail before the gateway counts as gone.
	maxPingFailures = 3
)

var errOtherServer = errors.New("another program answers at the gateway's address")

// Lost returns a channel that is closed when the gateway at url is gone. The gateway is in another
// process, which may be killed. It keeps one connection open and checks the gateway only when that
// connection ends. stop ends the checks, and may be called more than once.
func Lost(url, token string) (lost <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	gone, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if awaitLoss(ctx, url, token) {
			close(gone)
		}
	}()
	return gone, sync.OnceFunc(func() {
		cancel()
		<-done
	})
}

// awaitLoss reports whether the gateway was gone before ctx ended.
func awaitLoss(ctx context.Context, url, token string) bool {
	for failures := 0; failures < maxPingFailures; {
		err := awaitEnd(ctx, url, token)
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil:
			failures = 0
		case !errors.Is(err, os.ErrDeadlineExceeded):
			failures++
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pingPause):
		}
	}
	return true
}

// awaitEnd waits for the end of one connection to the gateway. An error means that the gateway did
// not answer; os.ErrDeadlineExceeded means that it did not answer in time.
func awaitEnd(ctx context.Context, url, token string) error {
	req, err := http.NewRequest(http.MethodGet, url+PingPath, nil)
	if err != nil {
		return err
	}
	proven := Challenge(req, token)
	req.Header.Set("User-Agent", version.UserAgent())
	conn, err := (&net.Dialer{Timeout: pingTimeout}).DialContext(ctx, "tcp4", strings.TrimPrefix(url, "http://"))
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return os.ErrDeadlineExceeded
	}
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(pingTimeout)) // fails only on a closed connection; then the next call fails too
	if err := req.Write(conn); err != nil {
		return err
	}
	answer := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answer, req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if !proven(resp) {
		return fmt.Errorf("%w: it answers %s", errOtherServer, resp.Status)
	}
	_ = conn.SetDeadline(time.Time{})
	_, _ = io.Copy(io.Discard, answer) // until the connection ends, for any reason
	return nil
}
