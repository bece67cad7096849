package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	known "ocgo-key/helper/opencode"
)

// OpenCode interrupts a waiting turn after an hour, unless it gets a certain request. The real
// server accepts this request, which changes only the session's modification time.
func TestKeepAlive2(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.command("opencode", "service", "start").run().ok()
	service := w.service2()
	ask := func(method, path, body string) (session struct {
		ID       string
		Title    string
		Metadata map[string]any
	}) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, service.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth("opencode", service.Password)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&struct{ Data any }{&session}))
		return session
	}
	before := ask(http.MethodPost, "/api/session", `{"title":"kept","metadata":{"of":"a plugin"}}`)
	require.NoError(t, known.Server2{URL: service.URL, Password: service.Password}.KeepAlive(t.Context(), before.ID))
	assert.Equal(t, before, ask(http.MethodGet, "/api/session/"+before.ID, ""))
}
