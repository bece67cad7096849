package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
)

// maxRequest is how many bytes of a request are read at most.
const maxRequest = 1 << 16

// gitRequest says for which host git requests a credential. Each field may be empty.
type gitRequest struct {
	protocol, host string
}

// readGit reads a request from git: lines of key=value up to an empty line or the end. Other keys
// are ignored (git-credential(1)). It may read bytes that follow the request, and drops them.
func readGit(r io.Reader) (gitRequest, error) {
	raw, err := readGitLines(r)
	if err != nil {
		return gitRequest{}, err
	}
	var g gitRequest
	for line := range strings.SplitSeq(raw, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			break
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" || strings.ContainsAny(line, "\x00\r") {
			// The line is not shown: it may hold a password.
			return gitRequest{}, errors.New("the request is not in git's format: a line is not key=value")
		}
		switch key {
		case "protocol":
			g.protocol = value
		case "host":
			g.host = value
		}
	}
	return g, nil
}

// readGitLines reads up to the empty line. It does not wait for the end of the input, since the
// client may keep the pipe open.
func readGitLines(r io.Reader) (string, error) {
	var raw []byte
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		raw = append(raw, buf[:n]...)
		switch {
		case ended(raw):
			return string(raw), nil
		case len(raw) > maxRequest:
			return "", fmt.Errorf("the request is longer than %d bytes", maxRequest)
		case errors.Is(err, io.EOF):
			return string(raw), nil
		case err != nil:
			return "", fmt.Errorf("read the request: %w", err)
		}
	}
}

// ended reports whether the first maxRequest bytes of raw contain an empty line.
func ended(raw []byte) bool {
	raw = raw[:min(len(raw), maxRequest)]
	return bytes.HasPrefix(raw, []byte("\n")) || bytes.HasPrefix(raw, []byte("\r\n")) ||
		bytes.Contains(raw, []byte("\n\n")) || bytes.Contains(raw, []byte("\n\r\n"))
}

// drain reads and discards a request, so that its writer does not block. Errors are ignored.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, io.LimitReader(r, maxRequest)) }

// readEngFlow reads the request of a client that follows the EngFlow credential helper
// specification (https://github.com/EngFlow/credential-helper-spec): one JSON object with the
// member uri. Other members are ignored.
func readEngFlow(r io.Reader) (uri string, err error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxRequest+1))
	if err != nil {
		return "", fmt.Errorf("read the request: %w", err)
	}
	if len(raw) > maxRequest {
		return "", fmt.Errorf("the request is longer than %d bytes", maxRequest)
	}
	// A struct would also accept the member "URI", and a Decoder would ignore text after the
	// object.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return "", fmt.Errorf("the request is not one JSON object: %w", err)
	}
	if err := json.Unmarshal(members["uri"], &uri); err != nil || uri == "" {
		return "", errors.New(`the request has no "uri"`)
	}
	return uri, nil
}

// serviceHost is the host of the Go service itself, even if the base URL has another host.
const serviceHost = "opencode.ai"

// forService reports whether git wants a credential for the service itself or for the host of base,
// over https. If the host is this machine, http is accepted too. A request without protocol or
// host is refused too: it may name another host in a line that is not read here, such as url=.
func (g gitRequest) forService(base string) bool {
	asked, err := url.Parse(g.protocol + "://" + g.host)
	if err != nil || asked.Host == "" || asked.User != nil || asked.Path != "" {
		return false
	}
	switch strings.ToLower(g.protocol) {
	case "https":
		if strings.EqualFold(asked.Hostname(), serviceHost) && port(asked) == "443" {
			return true
		}
	case "http":
		if asked.Hostname() != "localhost" && !net.ParseIP(asked.Hostname()).IsLoopback() {
			return false
		}
	default:
		return false
	}
	b, err := url.Parse(base)
	return err == nil && b.Host != "" && strings.EqualFold(asked.Scheme, b.Scheme) &&
		strings.EqualFold(asked.Hostname(), b.Hostname()) && port(asked) == port(b)
}

// checkURI returns an error unless uri has the scheme, host and port of the service's base URL, and
// its path or one below. It refuses everything that two parsers could read differently: user
// information, dot segments, encoded slashes, backslashes.
func checkURI(uri, base string) error {
	b, err := url.Parse(base)
	if err != nil || b.Host == "" {
		return errors.New("the base URL is not a URL; set --base-url to one")
	}
	// The URI is not shown in errors, since it may hold a secret of the client.
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return errors.New("the uri of the request is not a URL with a host")
	}
	path := u.EscapedPath()
	lower := strings.ToLower(path)
	switch {
	case u.User != nil:
		return errors.New("the uri of the request has a user name or password; remove it")
	case strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c") || strings.Contains(path, `\`):
		return errors.New("the uri of the request has an encoded slash or a backslash in its path")
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			return errors.New("the uri of the request has dot segments in its path")
		}
	}
	below := strings.TrimRight(b.Path, "/")
	if !strings.EqualFold(u.Scheme, b.Scheme) || !strings.EqualFold(u.Hostname(), b.Hostname()) || port(u) != port(b) ||
		(u.Path != below && !strings.HasPrefix(u.Path, below+"/")) {
		return fmt.Errorf("the uri of the request is not below %s; keys are given out for that address only", b.Redacted())
	}
	return nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}
