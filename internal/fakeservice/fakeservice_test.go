package fakeservice

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock for the server that only the test changes.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	if opts.Accounts == nil {
		opts.Accounts = []Account{{Key: "k1", Label: "Personal"}, {Key: "k2", Label: "Work"}}
	}
	s, err := Start(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// wire is the client side of one wire format.
type wire struct {
	name, path string
	apiKey     bool
	hello      string // a request that says hi
	bash       string // the same request with the bash tool
	result     string // the same request after the tool has run
}

var wires = []wire{
	{"chat", "/chat/completions", false,
		`{"model":"kimi-k2.6","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]%s}`,
		`{"model":"kimi-k2.6","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[{"type":"function","function":{"name":"bash"}}]%s}`,
		`{"model":"kimi-k2.6","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":null},{"role":"tool","content":"done"}],"tools":[{"type":"function","function":{"name":"bash"}}]%s}`},
	{"messages", "/messages", true,
		`{"model":"minimax-m3","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]%s}`,
		`{"model":"minimax-m3","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"bash"}]%s}`,
		`{"model":"minimax-m3","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[]},{"role":"user","content":[{"type":"tool_result","content":"done"}]}],"tools":[{"name":"bash"}]%s}`},
	{"responses", "/responses", false,
		`{"model":"grok-4.7","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]%s}`,
		`{"model":"grok-4.7","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}],"tools":[{"type":"function","name":"bash"}]%s}`,
		`{"model":"grok-4.7","input":[{"role":"user","content":"hi"},{"type":"function_call"},{"type":"function_call_output","output":"done"}],"tools":[{"type":"function","name":"bash"}]%s}`},
}

func streamed(body string) string { return strings.Replace(body, "%s", `,"stream":true`, 1) }
func plain(body string) string    { return strings.Replace(body, "%s", "", 1) }

// request returns a request with the key in the header that the format uses.
func (f wire) request(t *testing.T, ctx context.Context, base, key, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+f.path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("x-opencode-session", "ses_test")
	if f.apiKey {
		r.Header.Set("x-api-key", key)
	} else {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return r
}

// client does not reuse connections and does not follow redirects.
func client(t *testing.T) *http.Client {
	tr := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error // the error when the body was read
}

func do(t *testing.T, r *http.Request) reply {
	t.Helper()
	res, err := client(t).Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(body), err}
}

func (f wire) hi(t *testing.T, s *Server, key string) reply {
	t.Helper()
	return do(t, f.request(t, bounded(t), s.BaseURL(), key, streamed(f.hello)))
}

func usage(t *testing.T, s *Server, key string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(bounded(t), http.MethodGet, s.BaseURL()+"/usage", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	return do(t, r)
}

// sse is one parsed event.
type sse struct {
	name string
	data map[string]any
	raw  string
}

func parseSSE(t *testing.T, body string) []sse {
	t.Helper()
	var out []sse
	var e sse
	sc := bufio.NewScanner(strings.NewReader(body))
	for sc.Scan() {
		line := sc.Text()
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			e.name = v
		} else if v, ok := strings.CutPrefix(line, "data: "); ok {
			e.raw = v
			if v != "[DONE]" {
				require.NoError(t, json.Unmarshal([]byte(v), &e.data), v)
			}
		} else {
			require.Empty(t, line, "neither event, data nor the end of an event")
			out = append(out, e)
			e = sse{}
		}
	}
	require.NoError(t, sc.Err())
	return out
}

// at returns a part of a decoded JSON value. path has names of members and indexes of elements.
func at(v any, path ...any) any {
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

func decode(t *testing.T, body string) map[string]any {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	require.NoError(t, d.Decode(&v), body)
	return v
}

// text joins the pieces of the streamed text, or of the streamed call's arguments.
func text(events []sse) string {
	var b strings.Builder
	for _, e := range events {
		for _, path := range [][]any{
			{"choices", 0, "delta", "content"}, {"choices", 0, "delta", "tool_calls", 0, "function", "arguments"},
			{"delta", "text"}, {"delta", "partial_json"}, {"delta"},
		} {
			if s, ok := at(e.data, path...).(string); ok {
				b.WriteString(s)
			}
		}
	}
	return b.String()
}

// last returns the latest request after it has ended.
func last(s *Server) Request {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = s.WaitFor(ctx, func() bool { return s.InFlight() == 0 })
	all := s.Requests()
	return all[len(all)-1]
}

func isCutOff(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
