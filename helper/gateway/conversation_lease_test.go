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

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// byConversation gives the gateway a lease for each conversation.
func byConversation(o *gateway.Options) {
	o.HolderOf = helper.NewConversations(o.Holder.(*helper.Holder)).Of
}

// of sets a request's session, and its parent session if it is a subagent's.
func of(session, parent string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("X-Opencode-Session", session)
		if parent != "" {
			r.Header.Set("X-Parent-Session-Id", parent)
		}
	}
}

func TestEachConversationHasItsAccount(t *testing.T) {
	for name, f := range formats {
		s := newStage(t, byConversation)
		send := func(session, parent string) {
			require.Equal(t, 200, s.do(t, s.request(t, f, true, of(session, parent))).status, name)
		}
		send("a", "")
		send("b", "")
		send("subagent", "a")
		send("its own", "subagent")
		send("b", "")
		send("a", "")
		require.Equal(t, []string{"Work", "Personal", "Work", "Work", "Personal", "Work"}, s.seen(), name)
		s.service.ClearRequests()

		s.service.SetAnswers(keyOf("Work"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
		send("subagent", "a")
		send("a", "")
		send("b", "")
		assert.Equal(t, []string{"Work", "Spare", "Spare", "Personal"}, s.seen(), "%s: the limit moves a conversation with its subagents, and no other", name)
		assert.Equal(t, []string{"Work -> Spare"}, s.switches, name)
	}
}

// If a gateway is killed between two requests, nothing is lost: the lease is saved before the first
// request is sent.
func TestALeaseIsOnDiskBeforeTheServiceIsAsked(t *testing.T) {
	dir, keys := t.TempDir(), keychain.NewMemory()
	pool := func() *rotation.Pool {
		return rotation.New(state.OpenFile(dir, time.Now, func(m string) { t.Error(m) }), time.Now, func(int, string) bool { return true })
	}
	for i, label := range labels {
		require.NoError(t, keys.Set(t.Context(), fmt.Sprint("id", i), keychain.NewSecret(keyOf(label))))
		require.NoError(t, pool().Add(t.Context(), rotation.NewAccount{ID: fmt.Sprint("id", i), Label: label}))
	}
	start := func(pid int) *stage {
		return newStage(t, func(o *gateway.Options) {
			o.Holder = helper.NewHolder(pool(), keys, rotation.Process{PID: pid, Start: "x"}, func(missing, _ rotation.Handout) { t.Error(missing) })
			byConversation(o)
			o.Transport = &onDisk{t, dir, http.DefaultTransport.(*http.Transport).Clone()}
		})
	}
	first := start(1)
	for i := range 5 {
		require.Equal(t, 200, first.do(t, first.request(t, formats["chat"], true, of(fmt.Sprint(i), ""))).status)
	}
	require.Equal(t, []string{"Work", "Personal", "Spare", "Work", "Personal"}, first.seen())
	second := start(2) // like a killed gateway, the first one has released nothing
	for _, i := range []int{4, 3, 2, 1, 0} {
		require.Equal(t, 200, second.do(t, second.request(t, formats["chat"], true, of(fmt.Sprint(i), ""))).status)
	}
	assert.Equal(t, []string{"Personal", "Work", "Spare", "Personal", "Work"}, second.seen())
}

// onDisk checks that the lease of each request is in the state file before the request is sent.
type onDisk struct {
	t   *testing.T
	dir string
	*http.Transport
}

func (o *onDisk) RoundTrip(r *http.Request) (*http.Response, error) {
	s, err := state.OpenFile(o.dir, time.Now, func(m string) { o.t.Error(m) }).Read(r.Context())
	if assert.NoError(o.t, err) {
		found := false
		for _, l := range *s.Conversations.All() {
			found = found || r.Header.Get("Authorization") == "Bearer "+keyOf(s.Find(l.Account).Label) && l.Conversation != ""
		}
		assert.True(o.t, found, "no conversation has the account whose key is on the request")
	}
	return o.Transport.RoundTrip(r)
}

// A client that sends no session id still gets an account for each conversation: the gateway sets
// the id.
func TestConversationsThatNameNoSession(t *testing.T) {
	s := newStage(t, byConversation)
	for _, user := range []string{"a", "b", "a", "b"} {
		req := s.request(t, formats["chat"], true)
		req.Header.Del("X-Opencode-Session")
		body := `{"model":"m","stream":true,"messages":[{"role":"user","content":"` + user + `"}]}`
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		require.Equal(t, 200, s.do(t, req).status)
	}
	assert.Equal(t, []string{"Work", "Personal", "Work", "Personal"}, s.seen())
}
