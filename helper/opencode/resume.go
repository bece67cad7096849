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

// GoOn is what a session is told when `opencode run` resumes it: the user's own prompt is in the
// history already.
const GoOn = "Go on where you left off."

// ResumeRun returns the arguments with which `opencode run` goes on with a session, told text.
func (inv Invocation) ResumeRun(session, text string) []string {
	return append(append([]string{"run"}, inv.kept...), "--session", session, "--", text)
}

// ResumeTUI returns the arguments with which the TUI opens a session again, listening on port (of
// its own choice, if it was given one) so that Continue can reach it. It also returns the port that
// holds.
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

// Server is OpenCode's own, in a TUI that was started with a port.
type Server struct {
	Port, Username, Password string
}

const (
	// pause between two tries to reach a server that is still starting.
	pause = 200 * time.Millisecond
	// answerTime bounds a question to the server, which answers in milliseconds once it is up.
	answerTime = 2 * time.Second
	// screenTime is the least that a screen takes to show a conversation once the server is up.
	screenTime = 2 * time.Second
	// takeTime is how long the server may take to show that it is at work on a session.
	takeTime = 5 * time.Second
)

// Continue makes the server of a TUI that has just been started go on with a session where it
// stopped, adding no text. It returns when the turn has ended or ctx has.
//
// The server is up before the screen is: a request that comes first may be taken and never done,
// and what it brings may be shown without the conversation before it (both seen with 1.18.33). So
// the session is asked for until it is there, the screen is given half as long again as that took,
// and a request that does not set the server to work is made again.
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
		lost, err := s.goOn(ctx, session)
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

// goOn asks for the next step of the session and waits for its end. Lost means that nothing came of
// it.
func (s Server) goOn(ctx context.Context, session string) (lost bool, err error) {
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
		// It names the sessions that it is at work on.
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

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// ask makes one request, for timeout at most (0: as long as ctx), and returns the body of a 200.
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
