package opencode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"ocgo-key/internal/version"
)

// Password2Variable is the environment variable with the password of an OpenCode 2 server. Servers
// and their clients read it.
const Password2Variable = "OPENCODE_PASSWORD"

// ServeArgs returns the arguments with which OpenCode 2 serves on a free port of this machine,
// prints the address on stdout, and ends when its stdin is closed. logs are its logging options.
func ServeArgs(logs []string) []string {
	return append([]string{"serve", "--stdio", "--port", "0"}, logs...)
}

// ServeURL returns the address in line, which is the first line that a server started with
// ServeArgs prints. It is empty if the line has no address on this machine.
func ServeURL(line []byte) string {
	var said struct{ URL string }
	if json.Unmarshal(line, &said) != nil {
		return ""
	}
	u, err := url.Parse(said.URL)
	if err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.Port() == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Server2 is a running server of OpenCode 2. Source: its /openapi.json, and docs/facts.md, "Stop
// and resume".
type Server2 struct {
	URL      string `json:"url"`
	Password string `json:"password"`
}

// Active returns the sessions with a running turn.
func (s Server2) Active(ctx context.Context) ([]string, error) {
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	err := s.ask(ctx, http.MethodGet, "", &answer, "api", "session", "active")
	return slices.Collect(maps.Keys(answer.Data)), err
}

// Interrupt ends the session's turn, so that no service resumes it later.
func (s Server2) Interrupt(ctx context.Context, session string) error {
	return s.ask(ctx, http.MethodPost, "", nil, "api", "session", session, "interrupt")
}

// InterruptAll ends all turns, including those that begin meanwhile. It returns nil when no turn is
// running.
func (s Server2) InterruptAll(ctx context.Context) error {
	for {
		active, err := s.Active(ctx)
		if err != nil || len(active) == 0 {
			return err
		}
		for _, id := range active {
			if err := s.Interrupt(ctx, id); err != nil {
				return err
			}
		}
		if err := sleep(ctx, pause/4); err != nil {
			return err
		}
	}
}

// Continue continues a session where it stopped, without adding text.
func (s Server2) Continue(ctx context.Context, session string) error {
	return s.ask(ctx, http.MethodPost, `{"text":""}`, nil, "api", "session", session, "prompt")
}

// KeepAlive prevents the server from interrupting the session's turn for inactivity. The server
// interrupts a turn 60 minutes after its last stored event, and a turn that waits for an answer
// stores none. KeepAlive writes the session's metadata unchanged, which is such an event. Source:
// docs/facts.md, "Stop and resume".
func (s Server2) KeepAlive(ctx context.Context, session string) error {
	var answer struct {
		Data struct {
			Metadata json.RawMessage `json:"metadata"`
		} `json:"data"`
	}
	if err := s.ask(ctx, http.MethodGet, "", &answer, "api", "session", session); err != nil {
		return err
	}
	metadata := string(answer.Data.Metadata)
	if metadata == "" || metadata == "null" {
		metadata = "{}"
	}
	return s.ask(ctx, http.MethodPatch, `{"metadata":`+metadata+"}", nil, "api", "session", session)
}

// Delete removes a session.
func (s Server2) Delete(ctx context.Context, session string) error {
	return s.ask(ctx, http.MethodDelete, "", nil, "api", "session", session)
}

// OverLimit reports whether the session's last answer is an error that OpenCode classifies as a
// reached usage limit ("quota"). OpenCode never repeats such a request.
func (s Server2) OverLimit(ctx context.Context, session string) (bool, error) {
	var answer struct {
		Data []struct {
			Type  string
			Error struct{ Type string }
		} `json:"data"` // the newest first
	}
	err := s.ask(ctx, http.MethodGet, "", &answer, "api", "session", session, "message")
	for _, m := range answer.Data {
		if m.Type == "assistant" {
			return m.Error.Type == "provider.quota", err
		}
	}
	return false, err
}

// requestTime is the time limit of a request to a server on this machine, which answers in
// milliseconds.
const requestTime = 5 * time.Second

func (s Server2) ask(ctx context.Context, method, body string, out any, path ...string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return ask(ctx, s.URL, DefaultUsername, s.Password, method, body, out, path...)
}

// toServer is the client for servers on this machine. It uses no proxy. It does not follow
// redirects, because it would send the password along.
var toServer = sync.OnceValue(func() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
})

// maxAnswer is how much of an answer is read, in bytes. The longest answers are pages of a
// conversation.
const maxAnswer = 64 << 20

// ask makes one request to a server of either generation, at the address base, and decodes the JSON
// answer into out, unless out is nil. Errors quote neither the answer nor the password.
func ask(ctx context.Context, base, user, password, method, body string, out any, path ...string) error {
	address, err := url.JoinPath(base, path...)
	if err != nil {
		return errors.New("the address of OpenCode's server is not a URL")
	}
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", version.UserAgent())
	req.SetBasicAuth(user, password)
	resp, err := toServer().Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("OpenCode's server answered %d", resp.StatusCode)
	case err != nil || out == nil:
		return err
	case json.Unmarshal(answer, out) != nil: // the decoder's message could quote the answer
		return errors.New("the answer of OpenCode's server has an unknown form")
	}
	return nil
}
