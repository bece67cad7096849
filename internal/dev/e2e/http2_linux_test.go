package e2e

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// With GODEBUG=http2debug, Go's HTTP/2 code prints the headers of each request, including the key.
// So our requests do not use HTTP/2 then, and nothing is printed. Commands that we start get the
// variable as the user set it.
func TestHTTP2DebugShowsNoKey(t *testing.T) {
	t.Parallel()
	plain := newWorld(t)
	var mu sync.Mutex
	var spoken []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		spoken = append(spoken, r.Proto)
		mu.Unlock()
		plain.service.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	certificate := filepath.Join(plain.home, "certificate.pem")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	for debug, protocol := range map[string]string{"": "HTTP/2.0", "http2debug=1": "HTTP/1.1", "http2debug=2": "HTTP/1.1", "gctrace=0,http2debug=2": "HTTP/1.1"} {
		w := plain.with("OCGO_KEY_BASE_URL="+server.URL+fakeservice.GoPath, "SSL_CERT_FILE="+certificate, "GODEBUG="+debug)
		mu.Lock()
		spoken = nil
		mu.Unlock()
		c := w.command("ocgo-key", "add", "Work").reads(w.marker.Key("Work") + "\n").run().ok()
		assert.Regexp(t, `^ocgo-key: added Work\nocgo-key: checked with the service: .*\nocgo-key: next: .*\n$`, c.stderr.String(), debug)
		c = w.command("ocgo-key", "run", "--", "sh", "-c", `echo "$GODEBUG"; curl -sS -o answer -w '%{http_code}' -H "Authorization: Bearer $OPENCODE_API_KEY" \
			-H 'Content-Type: application/json' -H 'x-opencode-session: ses_curl' -d '{"model":"kimi-k2.6","messages":[{"role":"user","content":"hi"}]}' "$OPENCODE_BASE_URL/chat/completions"`).run().ok()
		assert.Equal(t, debug+"\n200", c.stdout.String())
		assert.Empty(t, c.stderr.String(), debug)
		mu.Lock()
		assert.GreaterOrEqual(t, len(spoken), 2, debug)
		slices.Sort(spoken)
		assert.Equal(t, []string{protocol}, slices.Compact(spoken), debug)
		mu.Unlock()
		w.command("ocgo-key", "remove", "Work", "--yes").run().ok()
	}
}
