package opencode

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// Service is the background service of OpenCode 2 that a user's clients share. Source:
// docs/facts.md, "Processes".
type Service struct {
	Server2
	Version string `json:"version"`
	PID     int    `json:"pid"`
}

// ServiceFile returns the path of the file in which the service records its address. home is the
// user's home folder.
func ServiceFile(getenv func(string) string, home string) string {
	return filepath.Join(baseFolder(getenv, home, "XDG_STATE_HOME", ".local", "state"), "opencode", "service.json")
}

// ReadService reads the service's file. The service may no longer be running. The error wraps
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
		return nil, fmt.Errorf("%s has no address on this machine", file)
	}
	return s, nil
}

// RemoveCredential deletes one credential. It is not an error if the credential does not exist.
func (s *Service) RemoveCredential(ctx context.Context, id string) error {
	return s.ask(ctx, http.MethodDelete, "", nil, "api", "credential", url.PathEscape(id))
}

// Answers reports whether the service runs and accepts its password.
func (s *Service) Answers(ctx context.Context) bool {
	return s.ask(ctx, http.MethodGet, "", nil, "api", "session", "active") == nil
}

// Content returns the configuration in the environment of the service; nil if there is none. It may
// contain keys.
func (s *Service) Content(ctx context.Context) ([]byte, error) {
	var documents []struct {
		Path string          `json:"path"`
		Info json.RawMessage `json:"info"`
	}
	err := s.ask(ctx, http.MethodGet, "", &documents, "api", "config")
	for _, d := range documents {
		if d.Path == "" && len(d.Info) > 0 {
			return d.Info, err
		}
	}
	return nil, err
}
