package opencode

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ocgo-key/internal/version"
)

// GoOn is the prompt with which `opencode run` resumes a session: the user's own prompt is in the
// history already.
const GoOn = "Go on where you left off."

// ResumeRun returns the arguments with which `opencode run` continues a session with the prompt
// text.
func (inv Invocation) ResumeRun(session, text string) []string {
	return append(append([]string{"run"}, inv.kept...), "--session", session, "--", text)
}

// ResumeTUI returns the arguments with which the TUI opens a session again and listens on a port,
// so that Continue can reach it: the port of the user's command line if that has one, otherwise
// port. It also returns the port in use.
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

// Variables that protect OpenCode's own server. Source: docs/facts.md, "Stop and resume".
const (
	PasswordVariable = "OPENCODE_SERVER_PASSWORD"
	UsernameVariable = "OPENCODE_SERVER_USERNAME"
	DefaultUsername  = "opencode"
)

// Server is OpenCode's own server in a TUI that was started with a port.
type Server struct {
	Port, Username, Password string
}

const (
	// pause is the time between two attempts to reach a server that is still starting.
	pause = 200 * time.Millisecond
	// answerTime is the time limit of a request to the server, which answers in milliseconds once
	// it is up.
	answerTime = 2 * time.Second
	// screenTime is the shortest time that a screen takes to show a conversation once the server is
	// up.
	screenTime = 2 * time.Second
	// takeTime is how long the server may take to report that it works on a session.
	takeTime = 5 * time.Second
)

// Continue makes the server of a newly started TUI continue a session where it stopped, without
// adding text. It returns when the turn or ctx has ended.
//
// The server is up before the screen. A request that comes earlier may be accepted and never
// processed, or its answer may be shown without the conversation before it (both seen with
// 1.18.33). So Continue asks for the session until it exists, waits half as long again for the
// screen, and repeats a request that does not make the server work.
func (s Server) Continue(ctx context.Context, session string) error {
	began := time.Now()
	for {
		if err := s.awaitSession(ctx, session); err != nil {
			return err
		}
		if !began.IsZero() {
			if err := sleep(ctx, max(screenTime, time.Since(began)/2)); err != nil {
				return err
			}
			began = time.Time{}
		}
		lost, err := s.requestTurn(ctx, session)
		if !lost {
			return err
		}
	}
}

// awaitSession returns when the server knows the session.
func (s Server) awaitSession(ctx context.Context, session string) error {
	for {
		if _, err := s.ask(ctx, http.MethodGet, "", answerTime, "session", session); err == nil {
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// requestTurn requests the next step of the session and waits for its end. lost reports that the
// request had no effect.
func (s Server) requestTurn(ctx context.Context, session string) (lost bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := s.ask(ctx, http.MethodPost, `{"parts":[]}`, 0, "session", session, "message")
		ended <- err
	}()
	for taken := false; !taken; {
		select {
		case err := <-ended:
			return false, err
		case <-time.After(takeTime):
		}
		// The answer names the sessions that the server works on.
		busy, err := s.ask(ctx, http.MethodGet, "", answerTime, "session", "status")
		switch {
		case err == nil && !bytes.Contains(busy, []byte(session)):
			return true, nil
		case err == nil:
			taken = true
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
	}
	return false, <-ended
}

// maxAnswer is the most that is read of an answer, in bytes.
const maxAnswer = 1 << 20

// ask makes one request, within timeout (0: until ctx ends), and returns the body of a 200.
func (s Server) ask(ctx context.Context, method, body string, timeout time.Duration, path ...string) ([]byte, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	address := (&url.URL{Scheme: "http", Host: "127.0.0.1:" + s.Port}).JoinPath(path...).String()
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", version.UserAgent())
	req.SetBasicAuth(s.Username, s.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("OpenCode's server answered %d", resp.StatusCode)
	}
	return answer, err
}
