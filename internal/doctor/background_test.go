package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
)

// backgroundService registers a background service that was started with this
// OPENCODE_CONFIG_CONTENT.
func backgroundService(t *testing.T, o *openCode, content string, turns int) {
	t.Helper()
	active := map[string]string{"1": `"a":{}`, "2": `"a":{},"b":{}`}[fmt.Sprint(turns)]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "opencode" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/api/config":
			_, _ = fmt.Fprintf(w, `[{"type":"directory","path":"/c"},{"type":"document","path":"/c/opencode.json","info":{"x":1}}%s]`, content)
		case "/api/session/active":
			_, _ = fmt.Fprintf(w, `{"data":{%s}}`, active)
		}
	}))
	t.Cleanup(server.Close)
	write(t, opencode.ServiceFile(o.getenv, o.home), fmt.Sprintf(`{"url":%q,"pid":7,"password":"secret"}`, server.URL), 0o600)
}

func document(address string) string {
	return fmt.Sprintf(`,{"type":"document","info":{"providers":{"opencode-go":{"settings":{"baseURL":%q,"apiKey":"ocgo-x"}}}}}`, address)
}

func TestBackground(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	there := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(there.Close)
	tests := map[string]struct {
		content string
		turns   int
		want    []string // the beginning and the end of the finding
	}{
		"started without a run": {"", 0, nil},
		"the user's own":        {`,{"type":"document","info":{"providers":{"opencode-go":{"settings":{"baseURL":"` + gone.URL + `","apiKey":"mine"}}}}}`, 0, nil},
		"elsewhere":             {document("https://example.com/zen/go/v1"), 0, nil},
		"poisoned":              {document(gone.URL + "/zen/go/v1"), 0, []string{"problem: OpenCode's background service (process 7) was started under an `ocgo-key run` that has ended", "plain `opencode` hangs | "}},
		"poisoned, a turn":      {document(gone.URL), 1, []string{"problem: ", "; the restart interrupts a turn, which then continues with your own key and address | "}},
		"poisoned, turns":       {document(gone.URL), 2, []string{"problem: ", "; the restart interrupts 2 turns, which then continue with your own key and address | "}},
		"while the run lasts":   {document(there.URL), 0, []string{"note: OpenCode's background service (process 7) was started under `ocgo-key run`, and uses that run's gateway", "it ends with the run | "}},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			o := home(t, nil, second)
			backgroundService(t, o, tt.content, tt.turns)
			found := findings(func(r *Result) { o.background(t.Context(), r) })
			if tt.want == nil {
				assert.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.True(t, strings.HasPrefix(found[0], tt.want[0]), found[0])
			assert.Contains(t, found[0], tt.want[1])
			assert.Contains(t, found[0], "opencode service restart")
		})
	}
	assert.Empty(t, findings(func(r *Result) { home(t, nil, second).background(t.Context(), r) }), "no service was ever started")
	o := home(t, nil, second)
	write(t, opencode.ServiceFile(o.getenv, o.home), fmt.Sprintf(`{"url":%q,"pid":7,"password":"secret"}`, gone.URL), 0o600)
	assert.Empty(t, findings(func(r *Result) { o.background(t.Context(), r) }), "the service has ended")
}
