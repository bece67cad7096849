package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// stage is a gateway between a client and the fake service, with three accounts in memory.
type stage struct {
	*gateway.Gateway
	service *fakeservice.Server
	pool    *rotation.Pool
	clock   *clock
	client  *http.Client
	usage   *helper.UsagePoller // nil if the gateway does not use /usage

	mu        sync.Mutex
	switches  []string
	exhausted int
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var labels = []string{"Work", "Personal", "Spare"}

func keyOf(label string) string { return "sk-marked-" + label }

func newStage(t *testing.T, change ...func(*gateway.Options)) *stage {
	t.Helper()
	s := &stage{clock: &clock{now: time.Now()}, client: &http.Client{Transport: &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	s.pool = rotation.New(new(state.Memory), s.clock.Now, func(int, string) bool { return true })
	keys := keychain.NewMemory()
	options := fakeservice.Options{Now: s.clock.Now}
	for i, label := range labels {
		id := fmt.Sprint("id", i)
		require.NoError(t, keys.Set(t.Context(), id, keychain.NewSecret(keyOf(label))))
		require.NoError(t, s.pool.Add(t.Context(), rotation.NewAccount{ID: id, Label: label}))
		options.Accounts = append(options.Accounts, fakeservice.Account{Key: keyOf(label), Label: label})
	}
	var err error
	s.service, err = fakeservice.Start(options)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.service.Close()) })
	base, err := url.Parse(s.service.BaseURL())
	require.NoError(t, err)
	o := gateway.Options{
		Holder:    helper.NewHolder(s.pool, keys, rotation.Process{PID: 1, Start: "x", Command: "test"}, func(missing, _ rotation.Handout) { t.Error(missing) }),
		Upstreams: map[string]*url.URL{gateway.GoPrefix: base},
		Now:       s.clock.Now,
		Observer: gateway.Observer{
			Switched: func(sw rotation.Switch) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.switches = append(s.switches, sw.From.Label+" -> "+sw.To.Label)
			},
			Exhausted: func(*gateway.Exchange, *rotation.ExhaustedError) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.exhausted++
			},
		},
	}
	for _, c := range change {
		c(&o)
	}
	s.Gateway, err = gateway.Start(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// format is one of the three wire formats.
type format struct{ path, header string }

var formats = map[string]format{
	"chat":      {"/chat/completions", "Authorization"},
	"messages":  {"/messages", "X-Api-Key"},
	"responses": {"/responses", "Authorization"},
}

func (s *stage) request(t *testing.T, f format, stream bool, change ...func(*http.Request)) *http.Request {
	body, err := json.Marshal(map[string]any{"model": "m", "stream": stream, "max_tokens": 10,
		"messages": []any{map[string]string{"role": "user", "content": "hi"}}, "input": "hi"})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(gateway.GoPrefix)+f.path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Opencode-Session", "ses_test")
	if f.header == "Authorization" {
		req.Header.Set("Authorization", "Bearer "+s.Token())
	} else {
		req.Header.Set(f.header, s.Token())
	}
	for _, c := range change {
		c(req)
	}
	return req
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *stage) do(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// seen returns the accounts of the requests that the service got, in order.
func (s *stage) seen() []string {
	out := []string{}
	for _, r := range s.service.Requests() {
		out = append(out, r.Account)
	}
	return out
}

func (s *stage) condition(t *testing.T, label string) rotation.Condition {
	o, err := s.pool.Overview(context.Background())
	require.NoError(t, err)
	v, err := o.Find(label)
	require.NoError(t, err)
	return v.Condition
}
