package opencode

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// GoOn is the prompt with which `opencode run` resumes a session. The user's own prompt is in the
// session already.
const GoOn = "Go on where you left off."

// ResumeRun returns the arguments with which `opencode run` continues a session with the prompt
// text.
func (inv Invocation) ResumeRun(session, text string) []string {
	return slices.Concat([]string{"run"}, inv.kept, []string{"--session", session, "--", text})
}

// ResumeTUI returns the arguments with which the TUI reopens a session and listens on a port for
// Continue. listening is that port: the one in the user's command line, or else port.
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

// Environment variables with the credentials of OpenCode's own server. Source: docs/facts.md, "Stop
// and resume".
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
	// screenTime is the least time that Continue waits for the screen after the server is up.
	screenTime = 2 * time.Second
	// takeTime is how long the server may take to report that it works on a session.
	takeTime = 5 * time.Second
)

// Continue makes the server of a newly started TUI continue a session where it stopped, without
// adding text. It returns when the turn or ctx has ended.
//
// The server is ready before the screen. If a request arrives before the screen is ready, the
// server may never process it, or the screen may show the answer without the earlier conversation
// (both seen with 1.18.33). So Continue waits until the session exists, waits half as long again
// for the screen, and repeats a request that has no effect.
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

// awaitSession returns when the session exists.
func (s Server) awaitSession(ctx context.Context, session string) error {
	for {
		if err := s.get(ctx, nil, "session", session); err == nil {
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
	go func() { ended <- s.ask(ctx, http.MethodPost, `{"parts":[]}`, nil, "session", session, "message") }()
	for {
		select {
		case err := <-ended:
			return false, err
		case <-time.After(takeTime):
		}
		var busy json.RawMessage // names the sessions that the server works on
		err := s.get(ctx, &busy, "session", "status")
		switch {
		case err == nil && !bytes.Contains(busy, []byte(session)):
			return true, nil
		case err == nil:
			return false, <-ended
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
	}
}

// get makes one GET request, within answerTime.
func (s Server) get(ctx context.Context, out any, path ...string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return s.ask(ctx, http.MethodGet, "", out, path...)
}

func (s Server) ask(ctx context.Context, method, body string, out any, path ...string) error {
	return ask(ctx, "http://127.0.0.1:"+s.Port, s.Username, s.Password, method, body, out, path...)
}
