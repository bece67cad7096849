package e2e

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// oneModelEach has one model for each of the three wire formats.
var oneModelEach = []string{"opencode-go/kimi-k2.6", "opencode-go/minimax-m3", "opencode-go/grok-4.7"}

// configured writes the user's own configuration file.
func (of openCode1) configured(config string) {
	w := of.w
	w.t.Helper()
	path := filepath.Join(w.home, ".config/opencode/opencode.json")
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(w.t, os.WriteFile(path, []byte(config), 0o600))
}

// The user may have a header with an old key in the configuration, a plugin that sets a key, or
// keys in the environment. OpenCode still uses the pool, since the token is sent in another header,
// and none of these keys reaches the service. No request to the gateway goes to the user's proxy.
// Under `ocgo-key run` our plugin does nothing: there is one gateway, and one account is handed
// out.
func TestOldKeysStandInNobodysWay(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	const headers = `{"provider":{"opencode-go":{"options":{"headers":{"Authorization":"Bearer stored-header","x-api-key":"stored-header","X-Note":"mine"}}}}}`
	const other = `export const Other = async () => ({ config: async (config) => {
		const provider = ((config.provider ??= {})["opencode-go"] ??= {})
		provider.options = { ...provider.options, apiKey: "stored-by-a-plugin" }
		;(await import("node:fs")).appendFileSync(process.env.HOME + "/other-was-here", "x")
	} })`
	for _, how := range []string{"run", "plugin"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t), newLoggingProxy(t)
			w.add("Work", "Personal")
			w = w.with(append(p.variables(), "NO_PROXY=localhost", "no_proxy=",
				"OPENCODE_API_KEY=stored-env-key", "ANTHROPIC_API_KEY=stored-anthropic-key", "OPENAI_API_KEY=stored-openai-key")...)
			w.command("ocgo-key", "install", "--yes").run().ok() // otherwise OpenCode waits for the package that the other plugin needs
			path := filepath.Join(w.home, "other.js")
			require.NoError(t, os.WriteFile(path, []byte(other), 0o600))
			w.configured(strings.Replace(headers, "{", `{"plugin":["file://`+path+`"],`, 1))
			var wrapper []string
			if how == "run" {
				wrapper = []string{"ocgo-key", "run", "--"}
			}
			_, url := w.serve(wrapper...)
			for _, model := range oneModelEach {
				assert.Contains(t, w.say(url, w.session(url), model), "Hello from Work.", model)
			}
			assert.Empty(t, p.log())
			assert.Len(t, w.gateways(), 1)
			assert.False(t, w.wasAsked("Personal"))
			assert.FileExists(t, filepath.Join(w.home, "other-was-here"))
			w.nothingOfTheUsersWasSent()
			for _, r := range w.turns() {
				assert.Equal(t, "mine", r.Header.Get("X-Note"), "what is no key stays")
				assert.Empty(t, r.Header.Get("X-Ocgo-Key-Token"))
			}
		})
	}
}

// OpenCode within another command does not send the gateway's token to Zen as a key.
func TestZenGetsNoToken(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t)
	w.add("Work")
	w.configured(`{"provider":{"opencode":{"options":{"baseURL":"` + w.service.ZenURL() + `"}}}}`)
	w.command("ocgo-key", "run", "--", "sh", "-c", `opencode run -m opencode/big-pickle "hi"`).run()
	seen := 0
	for _, r := range w.service.Requests() {
		if strings.HasPrefix(r.Path, fakeservice.ZenPath) {
			seen++
			assert.Equal(t, "public", r.Key, "what OpenCode shows where there is no key")
		}
	}
	assert.NotZero(t, seen, "Zen was asked nothing, so that nothing is shown")
}

// loggingProxy is an HTTP proxy that refuses and records all requests.
type loggingProxy struct {
	url   string
	mu    sync.Mutex
	asked []string
}

func newLoggingProxy(t *testing.T) *loggingProxy {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	p := &loggingProxy{url: "http://" + listener.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			p.mu.Lock()
			p.asked = append(p.asked, strings.TrimSpace(line))
			p.mu.Unlock()
			_, _ = conn.Write([]byte("HTTP/1.1 502 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		serving.Wait()
	})
	return p
}

// variables make programs use the proxy.
func (p *loggingProxy) variables() []string {
	return []string{"HTTP_PROXY=" + p.url, "http_proxy=" + p.url}
}

func (p *loggingProxy) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.asked...)
}

// No request to the gateway goes to the user's proxy, whatever the user has set in NO_PROXY.
// TestOldKeysStandInNobodysWay tests OpenCode with one value, which is enough: OpenCode treats all
// values in the same manner.
func TestTheProxyGetsNothing(t *testing.T) {
	t.Parallel()
	for _, exceptions := range [][]string{
		{}, {"NO_PROXY=localhost", "no_proxy="}, {"no_proxy=127.0.0.0/8"}, {"NO_PROXY=*"},
	} {
		t.Run(strings.Join(exceptions, " "), func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t), newLoggingProxy(t)
			w.add("Work")
			c := w.with(append(p.variables(), exceptions...)...).curl().run().ok()
			assert.Contains(t, c.stdout.String(), "Hello from Work.")
			assert.Empty(t, p.log())
		})
	}
}

// If a command sends no conversation id, all its requests get one id per run.
func TestARunIsOneConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	curl := `for text in one two; do
		printf 'header = "x-api-key: %s"\n' "$OPENCODE_API_KEY" |
			curl -sS -K - "$OPENCODE_BASE_URL/messages" -d "{\"model\":\"minimax-m3\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"$text\"}]}"
	done`
	for range 2 {
		c := w.command("ocgo-key", "run", "--", "sh", "-c", curl).run().ok()
		assert.Contains(t, c.stdout.String(), "Hello", c.stderr.String())
	}
	var ids []string
	for _, r := range w.turns() {
		ids = append(ids, r.Session)
		assert.Regexp(t, `^curl/`, r.Header.Get("User-Agent"), "the client's own name")
	}
	require.Len(t, ids, 4)
	assert.NotEmpty(t, ids[0])
	assert.Equal(t, []string{ids[0], ids[0], ids[2], ids[2]}, ids)
	assert.NotEqual(t, ids[0], ids[2])
}

// The requests that ocgo-key makes itself have its User-Agent.
func TestOurOwnRequestsNameUs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.command("ocgo-key", "add", "Work").reads(w.marker.Key("Work") + "\n").run().ok()
	w.command("ocgo-key", "status").run().ok()
	w.command("ocgo-key", "doctor").run()
	requests := w.service.Requests()
	require.GreaterOrEqual(t, len(requests), 3)
	for _, r := range requests {
		assert.Regexp(t, `^ocgo-key/\S+$`, r.Header.Get("User-Agent"), r.Path)
	}
}
