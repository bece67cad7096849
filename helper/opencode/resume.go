package opencode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// GoOn is what a session is told when `opencode run` resumes it: the user's own prompt is in the history already.
const GoOn = "Go on where you left off."

// ResumeRun returns the arguments with which `opencode run` goes on with a session, told text.
func (inv Invocation) ResumeRun(session, text string) []string {
	return append(append([]string{"run"}, inv.kept...), "--session", session, "--", text)
}

// ResumeTUI returns the arguments with which the TUI opens a session again, listening on port (of its own choice,
// if it was given one) so that Continue can reach it. It also returns the port that holds.
func (inv Invocation) ResumeTUI(session, port string) (args []string, listening string) {
	args = slices.Clone(inv.kept)
	if inv.port != "" && inv.port != "0" {
		port = inv.port
	} else {
		args = append(args, "--port", port)
	}
	args = append(args, "--session", session)
	if inv.path != "" {
		args = append([]string{inv.path}, args...)
	}
	return args, port
}

// Variables that protect OpenCode's own server. Source: opencode-facts, "Stop and resume".
const (
	PasswordVariable = "OPENCODE_SERVER_PASSWORD"
	UsernameVariable = "OPENCODE_SERVER_USERNAME"
	DefaultUsername  = "opencode"
)

// Server is OpenCode's own, in a TUI that was started with a port.
type Server struct {
	Port, Username, Password string
}

// pause between two tries to reach a server that is still starting.
const pause = 100 * time.Millisecond

// Continue makes the server go on with a session where it stopped, adding no text. It waits for the server to
// start, and returns when the turn has ended or ctx has.
func (s Server) Continue(ctx context.Context, session string) error {
	address := (&url.URL{Scheme: "http", Host: "127.0.0.1:" + s.Port}).JoinPath("session", session, "message").String()
	for {
		err := s.post(ctx, address)
		if !errors.Is(err, errNotUp) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

var errNotUp = errors.New("the server is not up yet")

func (s Server) post(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader([]byte(`{"parts":[]}`)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(s.Username, s.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errNotUp
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("OpenCode's server answered %d", resp.StatusCode)
	}
	return nil
}
