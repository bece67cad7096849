package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
)

// posted returns the conversation id that the service gets when a client posts body with these
// headers.
func (s *stage) posted(t *testing.T, path, body string, headers ...string) string {
	t.Helper()
	s.service.ClearRequests()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(gateway.GoPrefix)+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set(gateway.TokenHeader, s.Token())
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	require.Equal(t, 200, s.do(t, req).status)
	requests := s.service.Requests()
	require.NotEmpty(t, requests)
	return requests[len(requests)-1].Session
}

// conversations holds, for each format, the requests of a conversation's first and second turn, and
// a request of another conversation.
var conversations = map[string]struct{ path, first, second, other string }{
	"chat": {"/chat/completions",
		`{"model":"m","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"one"}]}`,
		`{"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"one"},{"role":"assistant","content":"a"},{"role":"user","content":"two"}],"model":"n"}`,
		`{"model":"m","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"other"}]}`},
	"chat, another system": {"/chat/completions",
		`{"model":"m","messages":[{"role":"developer","content":"be kind"},{"role":"user","content":[{"type":"text","text":"one"}]}]}`,
		`{"model":"m","messages":[{"role":"developer","content":"be kind"},{"role":"user","content":[{"type":"text","text":"one"}]},{"role":"user","content":"x"}]}`,
		`{"model":"m","messages":[{"role":"developer","content":"be brief"},{"role":"user","content":[{"type":"text","text":"one"}]}]}`},
	"messages": {"/messages",
		`{"model":"m","max_tokens":9,"system":[{"type":"text","text":"be kind"}],"messages":[{"role":"user","content":[{"type":"text","text":"one","cache_control":{"type":"ephemeral"}}]}]}`,
		`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"one"}]},{"role":"assistant","content":"a"},{"role":"user","content":"two"}],"system":[{"type":"text","text":"be kind"}]}`,
		`{"model":"m","max_tokens":9,"system":"be kind","messages":[{"role":"user","content":[{"type":"image","source":{"data":"x"}}]}]}`},
	"responses": {"/responses",
		`{"model":"m","instructions":"be kind","input":[{"role":"user","content":[{"type":"input_text","text":"one"}]}]}`,
		`{"model":"m","instructions":"be kind","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]},{"type":"reasoning"},{"role":"user","content":"two"}]}`,
		`{"model":"m","instructions":"be kind","input":"other"}`},
}

func TestOneConversationHasOneID(t *testing.T) {
	s, elsewhere := newStage(t), newStage(t)
	for name, c := range conversations {
		first := s.posted(t, c.path, c.first)
		assert.Regexp(t, `^ses_[0-9a-f]{32}$`, first, name)
		assert.Equal(t, first, s.posted(t, c.path, c.first), name)
		assert.Equal(t, first, s.posted(t, c.path, c.second), name)
		assert.NotEqual(t, first, s.posted(t, c.path, c.other), name)
		assert.NotEqual(t, first, elsewhere.posted(t, c.path, c.first), "another gateway has another secret")
	}
}

// After a switch, the request is sent with the same conversation id.
func TestAConversationKeepsItsIDOverASwitch(t *testing.T) {
	for name, c := range conversations {
		s := newStage(t)
		first := s.posted(t, c.path, c.first)
		s.service.SetAnswers(keyOf("Work"), fakeservice.UsageLimit(fakeservice.Weekly, 12000*time.Second))
		second := s.posted(t, c.path, c.second)
		require.Equal(t, []string{"Work", "Personal"}, s.seen(), name)
		for _, r := range s.service.Requests() {
			assert.Equal(t, first, r.Session, name)
		}
		assert.Equal(t, first, second)
	}
}

// The client's own header for the conversation is used, the most specific header first.
func TestTheClientsOwnSession(t *testing.T) {
	s := newStage(t)
	body := conversations["chat"].first
	for _, name := range []string{"X-Session-Affinity", "X-Session-Id", "thread-id", "conversation_id", "session_id", "session-id", "X-Claude-Code-Session-Id"} {
		assert.Equal(t, "own-1:x.y", s.posted(t, "/chat/completions", body, name, "own-1:x.y"), name)
		last := s.service.Requests()[0]
		assert.Equal(t, "own-1:x.y", last.Header.Get(name), "what the client sent stays")
	}
	assert.Equal(t, "claude", s.posted(t, "/messages", body, "X-Session-Id", "x", "X-Claude-Code-Session-Id", "claude"))
	assert.Equal(t, "codex", s.posted(t, "/responses", body, "X-Session-Affinity", "x", "session_id", "codex"))
	own := "ses_of OpenCode's; \"unchanged\""
	assert.Equal(t, own, s.posted(t, "/chat/completions", body, "x-opencode-session", own, "session_id", "other"))
	for _, odd := range []string{"has spaces", strings.Repeat("x", 129), "é", "a\tb"} {
		id := s.posted(t, "/chat/completions", body, "session_id", odd)
		assert.Regexp(t, `^ses_[0-9a-f]{32}$`, id)
		assert.Equal(t, id, s.posted(t, "/chat/completions", conversations["chat"].other, "session_id", odd))
	}
}

// A conversation name in the body is used, but not sent in plain text.
func TestTheSessionInABody(t *testing.T) {
	s := newStage(t)
	with := func(field, user string) string {
		return fmt.Sprintf(`{"model":"m","max_tokens":9,%s,"messages":[{"role":"user","content":%q}],"input":%q}`, field, user, user)
	}
	seen := map[string]bool{}
	for _, field := range []string{`"prompt_cache_key":"cache-1"`, `"metadata":{"user_id":"user-1"}`, `"metadata":{"user_id":"cache-1"}`,
		`"prompt_cache_key":"` + strings.Repeat("k", 5000) + `"`} {
		for _, path := range []string{"/chat/completions", "/messages", "/responses"} {
			id := s.posted(t, path, with(field, "one"))
			assert.Regexp(t, `^ses_[0-9a-f]{32}$`, id)
			assert.Equal(t, id, s.posted(t, path, with(field, "two")), "it is the same conversation, however it begins")
			seen[id] = true
		}
	}
	assert.Len(t, seen, 4)
	one := s.posted(t, "/messages", with(`"metadata":"none","prompt_cache_key":7`, "one"))
	assert.NotEqual(t, one, s.posted(t, "/messages", with(`"metadata":"none","prompt_cache_key":7`, "two")), "what can't be read hides nothing")
}

// With Options.Session, all requests without a conversation id get this id.
func TestOneIDForAWholeRun(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) { o.Session = "run_1" })
	for _, c := range conversations {
		assert.Equal(t, "run_1", s.posted(t, c.path, c.first))
		assert.Equal(t, "run_1", s.posted(t, c.path, c.other))
	}
	assert.Equal(t, "own", s.posted(t, "/chat/completions", conversations["chat"].first, "session_id", "own"))
	assert.Regexp(t, `^ses_`, s.posted(t, "/chat/completions", `{"model":"m","prompt_cache_key":"k","messages":[]}`))
}

// A request that belongs to no conversation is sent without an id. A model request with an
// unreadable body gets an id.
func TestSessionsOfOtherRequests(t *testing.T) {
	s := newStage(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(gateway.GoPrefix)+"/models", nil)
	require.NoError(t, err)
	req.Header.Set(gateway.TokenHeader, s.Token())
	require.Equal(t, 200, s.do(t, req).status)
	assert.Empty(t, s.service.Requests()[0].Session)
	for _, body := range []string{"", "no JSON", `{"messages":`, `[]`, `{"messages":[1,"x",null,{"role":1}],"input":{}}`} {
		s.service.ClearRequests()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(gateway.GoPrefix)+"/chat/completions", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set(gateway.TokenHeader, s.Token())
		_ = s.do(t, req)
		require.Len(t, s.service.Requests(), 1)
		assert.Regexp(t, `^ses_`, s.service.Requests()[0].Session, body)
	}
}

// The observer sees the session id that the client sent. If the client sent none, the observer sees
// none.
func TestTheObserverSeesTheClientsOwnSession(t *testing.T) {
	var seen []string
	s := newStage(t, func(o *gateway.Options) {
		o.Observer.Answered = func(x *gateway.Exchange) { seen = append(seen, x.Session()) }
	})
	s.posted(t, "/chat/completions", conversations["chat"].first, "session_id", "own")
	s.posted(t, "/chat/completions", conversations["chat"].first, "x-opencode-session", "ses_1")
	assert.Equal(t, []string{"", "ses_1"}, seen)
}

// A client's User-Agent is passed on; if there is none, none is added.
func TestUserAgents(t *testing.T) {
	s := newStage(t)
	s.posted(t, "/chat/completions", conversations["chat"].first, "User-Agent", "mine/1.0 (x)")
	assert.Equal(t, "mine/1.0 (x)", s.service.Requests()[0].Header.Get("User-Agent"))
	s.posted(t, "/chat/completions", conversations["chat"].first, "User-Agent", "") // not even Go's default
	assert.Empty(t, s.service.Requests()[0].Header.Values("User-Agent"))
}

// The gateway forwards neither keys that a client sends nor its token, in whatever header they are.
func TestNoForeignKeyAndNoTokenIsPassedOn(t *testing.T) {
	const foreign = "sk-foreign"
	junk := func(r *http.Request) {
		for _, name := range []string{"X-Ocgo-Key-Token", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Auth-Token", "Proxy-Authorization"} {
			r.Header.Set(name, foreign)
		}
		r.Header.Set("Authorization", "Bearer "+foreign)
		r.URL.RawQuery = "beta=true&key=" + foreign + "&API_Key=" + foreign + "&token=" + foreign + "&a%70i_key=" + foreign + "&z=1%20"
	}
	for name, place := range map[string]func(s *stage, r *http.Request){
		"header":         func(s *stage, r *http.Request) { r.Header.Set(gateway.TokenHeader, s.Token()) },
		"bearer":         func(s *stage, r *http.Request) { r.Header.Set("Authorization", "bearer  "+s.Token()) },
		"x-api-key":      func(s *stage, r *http.Request) { r.Header.Set("X-Api-Key", s.Token()) },
		"api-key":        func(s *stage, r *http.Request) { r.Header.Set("Api-Key", s.Token()) },
		"x-goog-api-key": func(s *stage, r *http.Request) { r.Header.Set("X-Goog-Api-Key", s.Token()) },
		"path":           func(s *stage, r *http.Request) { r.URL.Path = "/" + s.Token() + r.URL.Path },
		"second value":   func(s *stage, r *http.Request) { r.Header.Add("X-Api-Key", s.Token()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			for _, f := range formats {
				a := s.do(t, s.request(t, f, true, func(r *http.Request) {
					junk(r)
					place(s, r)
					r.Header.Set("X-Note", "I was given "+s.Token())
					r.Header.Set("X-Kept", "yes")
					r.URL.RawQuery += "&note=" + s.Token()
					r.Trailer = http.Header{"X-Token": {s.Token()}}
					r.ContentLength, r.Body = -1, io.NopCloser(r.Body)
				}))
				require.Equal(t, 200, a.status, a.body)
			}
			for _, r := range s.service.Requests() {
				all := fmt.Sprint(r.Header, r.Path, r.Query)
				assert.NotContains(t, all, foreign)
				assert.NotContains(t, all, s.Token())
				assert.Equal(t, "Work", r.Account)
				assert.Equal(t, "beta=true&z=1%20", r.Query)
				assert.Equal(t, "yes", r.Header.Get("X-Kept"))
			}
		})
	}
}
