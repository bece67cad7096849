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
	"ocgo-key/rotation"
)

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.GetBody = nil
}

// barring are the answers that do not show whether the account or the request is at fault.
var barring = map[string]fakeservice.Answer{
	"region":          fakeservice.RegionError(),
	"region, a code":  coded(403, "Account.RegionUnavailable", "This Go model requires Global regions"),
	"region, a type":  fakeservice.Error(403, "Account.RegionUnavailable", "This Go model requires Global regions"),
	"blocked":         fakeservice.Error(401, "AuthError", "Error from provider (Console Go): Request blocked by upstream provider"),
	"blocked, a code": coded(401, "AuthError", "Request blocked by upstream provider"),
}

func everyWay(t *testing.T, test func(t *testing.T, answer fakeservice.Answer, f format, stream bool)) {
	for name, answer := range barring {
		for formatName, f := range formats {
			for _, stream := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/stream=%v", name, formatName, stream), func(t *testing.T) { test(t, answer, f, stream) })
			}
		}
	}
}

// If another account answers the request, the first account cannot use that model, and is skipped
// for that model only.
func TestAnAccountThatIsBarredFromAModel(t *testing.T) {
	everyWay(t, func(t *testing.T, answer fakeservice.Answer, f format, stream bool) {
		s := newStage(t)
		s.service.SetPlan(keyOf("Work"), fakeservice.Plan{PerModel: map[string][]fakeservice.Answer{"m": {answer}}})
		s.service.SetPlan(keyOf("Personal"), fakeservice.Plan{PerModel: map[string][]fakeservice.Answer{"m": {answer}}})
		a := s.do(t, s.request(t, f, stream))
		assert.Equal(t, 200, a.status)
		assert.Contains(t, a.body, "Spare")
		assert.Equal(t, []string{"Work -> Spare"}, s.switches, "one move, past both")
		a = s.do(t, s.request(t, f, stream))
		assert.Contains(t, a.body, "Spare")
		assert.Equal(t, []string{"Work", "Personal", "Spare", "Spare"}, s.seen())
		for _, label := range []string{"Work", "Personal"} {
			assert.Equal(t, rotation.Ready, s.condition(t, label).State, "for other models")
		}
		h, err := s.pool.Acquire(t.Context(), rotation.Process{PID: 2, Start: "y"}, rotation.Ask{Model: "m"})
		require.NoError(t, err)
		assert.Equal(t, "Spare", h.Label, "the others are left out for this model")
		s.clock.pass(time.Hour + time.Second)
		h, err = s.pool.Acquire(t.Context(), rotation.Process{PID: 3, Start: "y"}, rotation.Ask{Model: "m"})
		require.NoError(t, err)
		assert.Equal(t, "Work", h.Label, "after an hour they are asked again")
	})
}

// If every account is refused, the request is at fault. The client gets the service's answer, and
// no account is blamed.
func TestAllRefuseOneModel(t *testing.T) {
	everyWay(t, func(t *testing.T, answer fakeservice.Answer, f format, stream bool) {
		s := newStage(t)
		for _, label := range labels {
			s.service.SetPlan(keyOf(label), fakeservice.Plan{PerModel: map[string][]fakeservice.Answer{"m": {answer}}})
		}
		a := s.do(t, s.request(t, f, stream))
		assert.Equal(t, answer.Status, a.status)
		if answer.Body != nil {
			assert.Equal(t, string(answer.Body), a.body)
		} else {
			assert.Contains(t, a.body, answer.Message)
		}
		assert.Equal(t, labels, s.seen(), "each was asked once")
		assert.Empty(t, s.switches)
		for _, label := range labels {
			assert.Equal(t, rotation.Ready, s.condition(t, label).State)
		}
		other := s.do(t, s.request(t, f, stream, func(r *http.Request) {
			setBody(r, fmt.Sprintf(`{"model":"other","stream":%v,"max_tokens":1,"messages":[],"input":"hi"}`, stream))
		}))
		assert.Equal(t, 200, other.status)
		assert.Contains(t, other.body, "Work", "on the account that the process has")
	})
}

// One account reaches a limit and all others are refused: the client gets the refusal, and the
// limited account cools.
func TestARefusalAndALimit(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.RegionError())
	s.service.SetAnswers(keyOf("Personal"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
	s.service.SetAnswers(keyOf("Spare"), fakeservice.RegionError())
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 403, a.status)
	assert.Contains(t, a.body, "RegionError")
	assert.Equal(t, labels, s.seen())
	assert.Equal(t, rotation.Ready, s.condition(t, "Work").State)
	assert.Equal(t, rotation.Cooling, s.condition(t, "Personal").State)
}

// Answers about usage and models say nothing about the account: the service refuses such requests
// even with valid keys.
func TestInformationalRequestsBlameNoAccount(t *testing.T) {
	for _, path := range []string{"/usage", "/models"} {
		for name, answer := range map[string]fakeservice.Answer{
			"401": fakeservice.AuthError(), "403": fakeservice.EntitlementError(), "429": fakeservice.UsageLimit(fakeservice.Weekly, time.Hour),
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				var asked int
				body := []byte(`{"error":{"type":"` + answer.ErrorType + `"}}`)
				s := newStage(t, func(o *gateway.Options) {
					o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
						asked++
						return &http.Response{StatusCode: answer.Status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body))), Request: r}, nil
					})
				})
				for range 4 {
					req := s.request(t, format{path, "Authorization"}, false)
					req.Method, req.Body, req.ContentLength = http.MethodGet, nil, 0
					a := s.do(t, req)
					assert.Equal(t, answer.Status, a.status)
					assert.Equal(t, string(body), a.body)
				}
				assert.Equal(t, 4, asked)
				for _, label := range labels {
					assert.Equal(t, rotation.Ready, s.condition(t, label).State)
				}
				assert.Empty(t, s.switches)
			})
		}
	}
}

// Requests for usage and models are sent even if no account is ready.
func TestInformationalRequestsWhenAllAreUsedUp(t *testing.T) {
	s := newStage(t)
	s.limitAll(3 * time.Hour)
	assert.Equal(t, 429, s.do(t, s.request(t, formats["chat"], true)).status)
	for range 2 {
		req := s.request(t, format{"/usage", "Authorization"}, false)
		req.Method, req.Body, req.ContentLength = http.MethodGet, nil, 0
		a := s.do(t, req)
		assert.Equal(t, 200, a.status)
		assert.Contains(t, a.body, `"weekly"`)
	}
}

// A refusal that matches no rule is passed on and recorded, without the key and without the prompt.
func TestAnUnknownRefusalIsCounted(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), coded(403, "Account.Paused", "This account was paused after the prompt my secret garden has walls was seen with "+keyOf("Work")))
	for range 3 {
		a := s.do(t, s.request(t, formats["chat"], true, func(r *http.Request) {
			setBody(r, `{"model":"m","messages":[{"role":"user","content":"my secret garden has walls"}]}`)
		}))
		assert.Equal(t, 403, a.status)
	}
	s.Close() // waits for running tasks
	kept, err := s.pool.Refusals(t.Context())
	require.NoError(t, err)
	require.Len(t, kept, 1)
	assert.Equal(t, 3, kept[0].Count)
	assert.Equal(t, "Work", kept[0].Account)
	assert.Equal(t, "403 Account.Paused: This account was paused after the prompt … has … was seen", rotation.Describe(kept[0]))
	h, err := s.pool.History()
	require.NoError(t, err)
	var events []string
	for _, e := range h.Events {
		if e.Kind == "refused" {
			events = append(events, e.Account+": "+e.Reason)
		}
	}
	assert.Equal(t, []string{"Work: 403 Account.Paused: This account was paused after the prompt … has … was seen"}, events, "once an hour")
	assert.Equal(t, rotation.Ready, s.condition(t, "Work").State)
}

// The service has disabled one account of three. Every process is answered, and that account is
// tried once.
func TestADisabledAccountIsAskedOnce(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.Error(403, "Account.Disabled", "An active OpenCode Go subscription is required to use Go models"))
	for range 100 {
		assert.Equal(t, 200, s.do(t, s.request(t, formats["chat"], true)).status)
	}
	asked := 0
	for _, label := range s.seen() {
		if label == "Work" {
			asked++
		}
	}
	assert.Equal(t, 1, asked)
	c := s.condition(t, "Work")
	assert.Equal(t, rotation.Rejected, c.State)
	assert.Contains(t, c.Reason, "An active OpenCode Go subscription is required")
}

// One account is refused and one does not answer in time. Each account is tried once, and the
// process stays on the account that answers.
func TestARefusalAndAStall(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) { o.Stall = 300 * time.Millisecond })
	s.service.SetAnswers(keyOf("Work"), fakeservice.RegionError())
	s.service.SetAnswers(keyOf("Personal"), fakeservice.Stalled(-1))
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 200, a.status)
	assert.Equal(t, labels, s.seen())
	assert.Contains(t, s.do(t, s.request(t, formats["chat"], true)).body, "Spare")
}

// The words of a refusal are not recorded if the request is too large to keep.
func TestAnUnknownRefusalOfALargeRequest(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) {
		o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			_, err := io.Copy(io.Discard, r.Body)
			return &http.Response{StatusCode: 403, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(`{"error": {"code": "Account.Paused", "message": "You said my secret"}}`))}, err
		})
	})
	body := `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("my secret ", 7<<20) + `"}]}`
	a := s.do(t, s.request(t, formats["chat"], true, func(r *http.Request) { setBody(r, body) }))
	assert.Equal(t, 403, a.status)
	s.Close()
	kept, err := s.pool.Refusals(t.Context())
	require.NoError(t, err)
	require.Len(t, kept, 1)
	assert.Equal(t, "403 Account.Paused", rotation.Describe(kept[0]))
}
