package opencode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Service is the background service of OpenCode 2 that a user's clients share. Source:
// docs/facts.md, "Processes".
type Service struct {
	URL      string `json:"url"`
	Version  string `json:"version"`
	PID      int    `json:"pid"`
	Password string `json:"password"`
}

// ServiceFile returns the path of the file in which the service records its address. home is the
// user's home folder.
func ServiceFile(getenv func(string) string, home string) string {
	return filepath.Join(baseFolder(getenv, home, "XDG_STATE_HOME", ".local", "state"), "opencode", "service.json")
}

// ReadService reads the service's file. The service may have ended since. The error wraps
// fs.ErrNotExist if no service was started.
func ReadService(file string) (*Service, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, MaxLoginFile))
	if err != nil {
		return nil, err
	}
	s := new(Service)
	if json.Unmarshal(text, s) != nil { // the decoder's message could quote the password
		return nil, fmt.Errorf("%s cannot be read", file)
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" || !net.ParseIP(u.Hostname()).IsLoopback() {
		return nil, fmt.Errorf("%s names no address of this machine", file)
	}
	return s, nil
}

// serviceUser is the name that goes with the password.
const serviceUser = "opencode"

// serviceLimit is the time limit of one request to the service, which is on this machine.
const serviceLimit = 5 * time.Second

// toService is for servers on this machine: it uses no proxy and follows no redirect with the
// password.
var toService = sync.OnceValue(func() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
})

// ask makes a request to the service's API and returns the answer. Errors quote neither the answer
// nor the password.
func (s *Service) ask(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, serviceLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, nil)
	if err != nil {
		return nil, errors.New("OpenCode's service cannot be asked: its address is none")
	}
	req.SetBasicAuth(serviceUser, s.Password)
	resp, err := toService().Do(req)
	if err != nil {
		return nil, fmt.Errorf("OpenCode's service does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxLoginFile))
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("OpenCode's service answers %d to %s", resp.StatusCode, path)
	}
	return body, err
}

// RemoveCredential deletes one credential. It is no error if that does not exist.
func (s *Service) RemoveCredential(ctx context.Context, id string) error {
	_, err := s.ask(ctx, http.MethodDelete, "/api/credential/"+url.PathEscape(id))
	return err
}

// Answers reports whether the service runs and accepts its password.
func (s *Service) Answers(ctx context.Context) bool {
	_, err := s.ask(ctx, http.MethodGet, "/api/session/active")
	return err == nil
}

// Active returns the number of sessions with a running turn.
func (s *Service) Active(ctx context.Context) (int, error) {
	text, err := s.ask(ctx, http.MethodGet, "/api/session/active")
	if err != nil {
		return 0, err
	}
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return 0, errors.New("OpenCode's service gives no list of sessions")
	}
	return len(answer.Data), nil
}

// Content returns the configuration that the service took from the environment of the process that
// started it; nil if there is none. It may hold keys.
func (s *Service) Content(ctx context.Context) ([]byte, error) {
	text, err := s.ask(ctx, http.MethodGet, "/api/config")
	if err != nil {
		return nil, err
	}
	var documents []struct {
		Type string          `json:"type"`
		Path string          `json:"path"`
		Info json.RawMessage `json:"info"`
	}
	if json.Unmarshal(text, &documents) != nil {
		return nil, errors.New("OpenCode's service gives no list of configurations")
	}
	for _, d := range documents {
		if d.Path == "" && len(d.Info) > 0 {
			return d.Info, nil
		}
	}
	return nil, nil
}
