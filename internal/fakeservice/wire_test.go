package fakeservice

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStreamedAnswerNamesTheAccount(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	for _, f := range wires {
		t.Run(f.name, func(t *testing.T) {
			got := f.hi(t, s, "k1")
			require.NoError(t, got.err)
			require.Equal(t, 200, got.status)
			require.Equal(t, "text/event-stream", got.header.Get("Content-Type"))
			require.Equal(t, "Wed, 04 Mar 2026 05:06:07 GMT", got.header.Get("Date"))
			events := parseSSE(t, got.body)
			require.Equal(t, "Hello from Personal.", text(events))
			require.Equal(t, "0", at(events[len(events)-1].data, "cost"), "the last event carries the cost")
			for _, e := range events {
				if e.name != "" {
					require.Equal(t, e.name, at(e.data, "type"))
				}
			}
			r := last(s)
			require.Equal(t, Answered, r.Outcome)
			require.True(t, r.Stream)
			require.Equal(t, "hi", r.Prompt)
			require.Equal(t, "Personal", r.Account)
			require.Equal(t, 200, r.Status)
		})
	}
}

func TestEventsOfEachFormat(t *testing.T) {
	s := start(t, Options{})
	names := func(f wire) []string {
		var out []string
		for _, e := range parseSSE(t, f.hi(t, s, "k2").body) {
			out = append(out, e.name)
		}
		return out
	}
	require.Equal(t, []string{"message_start", "content_block_start", "content_block_delta", "content_block_delta",
		"content_block_delta", "content_block_stop", "message_delta", "message_stop", "ping"}, names(wires[1]))
	require.Equal(t, []string{"response.created", "response.in_progress", "response.output_item.added",
		"response.content_part.added", "response.output_text.delta", "response.output_text.delta",
		"response.output_text.delta", "response.output_text.done", "response.content_part.done",
		"response.output_item.done", "response.completed", "ping"}, names(wires[2]))

	chunks := parseSSE(t, wires[0].hi(t, s, "k2").body)
	require.Equal(t, "assistant", at(chunks[0].data, "choices", 0, "delta", "role"))
	n := len(chunks)
	require.Equal(t, "stop", at(chunks[n-4].data, "choices", 0, "finish_reason"))
	require.NotZero(t, at(chunks[n-3].data, "usage", "completion_tokens"))
	require.Equal(t, "[DONE]", chunks[n-2].raw)
}

func TestWholeAnswer(t *testing.T) {
	s := start(t, Options{Reply: func(r Request) string { return "You said " + r.Prompt }})
	s.SetAnswers("k1", Costing("0.0120"))
	paths := map[string][]any{
		"chat": {"choices", 0, "message", "content"}, "messages": {"content", 0, "text"},
		"responses": {"output", 0, "content", 0, "text"},
	}
	for _, f := range wires {
		got := do(t, f.request(t, bounded(t), s.BaseURL(), "k1", plain(f.hello)))
		require.Equal(t, "application/json", got.header.Get("Content-Type"), f.name)
		body := decode(t, got.body)
		require.Equal(t, "You said hi", at(body, paths[f.name]...), f.name)
		require.Equal(t, "0.0120", body["cost"], f.name)
		require.NotNil(t, body["usage"], f.name)
		require.False(t, last(s).Stream)
	}
}

func TestToolCallThenText(t *testing.T) {
	s := start(t, Options{})
	s.SetAnswers("k1", Bash("touch x"))
	for _, f := range wires {
		t.Run(f.name, func(t *testing.T) {
			body := do(t, f.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.bash))).body
			require.JSONEq(t, `{"command":"touch x","description":"Runs a command"}`, text(parseSSE(t, body)))
			require.Contains(t, body, `"name":"bash"`)
			require.True(t, last(s).Tools)
			body = do(t, f.request(t, bounded(t), s.BaseURL(), "k1", streamed(strings.ReplaceAll(f.bash, `"bash"`, `"shell"`)))).body
			require.JSONEq(t, `{"command":"touch x","description":"Runs a command"}`, text(parseSSE(t, body)))
			require.Contains(t, body, `"name":"shell"`)

			body = do(t, f.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.result))).body
			require.Equal(t, "Hello from Personal.", text(parseSSE(t, body)))
			require.Equal(t, 1, last(s).ToolResults)

			body = do(t, f.request(t, bounded(t), s.BaseURL(), "k1", plain(f.bash))).body
			require.Contains(t, body, "touch x")
			body = do(t, f.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.hello))).body
			require.Equal(t, "Hello from Personal.", text(parseSSE(t, body)), "a request without the tool gets the text")
		})
	}
}

func TestSeveralToolCallsInTurn(t *testing.T) {
	s := start(t, Options{})
	s.SetAnswers("k1", Bash("one", "two"))
	for _, f := range wires {
		body := do(t, f.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.result))).body
		require.Contains(t, text(parseSSE(t, body)), `"two"`, f.name)
	}
}

func TestTitleRequest(t *testing.T) {
	s := start(t, Options{Title: "Greeting"})
	s.SetPlan("k1", Plan{Answers: []Answer{AuthError()}, TitlesFree: true})
	f := wires[0]
	r := f.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.hello))
	r.Header.Set("x-opencode-session", "ses_1")
	r.Header.Set("x-opencode-client", "cli")
	r.Header.Set("x-parent-session-id", "ses_0")
	r.Header.Set("x-opencode-request", "msg_1")
	require.Equal(t, "Greeting", text(parseSSE(t, do(t, r).body)))
	q := last(s)
	require.True(t, q.Title)
	require.Equal(t, []string{"ses_1", "ses_0", "msg_1"}, []string{q.Session, q.Parent, q.RequestID})
	require.Equal(t, 401, f.hi(t, s, "k1").status, "the title request took no answer from the queue")
}

func TestKeyInTheFormatsOwnHeader(t *testing.T) {
	s := start(t, Options{})
	for _, f := range wires {
		other := f
		other.apiKey = !f.apiKey
		got := do(t, other.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.hello)))
		require.Equal(t, 401, got.status, f.name)
		require.JSONEq(t, `{"type":"error","error":{"type":"AuthError","message":"Missing API key."}}`, got.body)
		require.Equal(t, map[bool]string{true: "x-api-key", false: "bearer"}[other.apiKey], last(s).AuthHeader)

		got = f.hi(t, s, "nobody")
		require.Equal(t, 401, got.status)
		require.JSONEq(t, `{"type":"error","error":{"type":"AuthError","message":"Invalid API key."}}`, got.body)
		require.Equal(t, "nobody", last(s).Key)
	}
	s.RemoveAccount("k1")
	require.Equal(t, 401, wires[0].hi(t, s, "k1").status)
	s.SetAnswers("k9")
	require.Equal(t, 200, wires[0].hi(t, s, "k9").status, "a plan makes a key known")
}

func TestPaths(t *testing.T) {
	s := start(t, Options{Models: []string{"m1"}})
	get := func(method, url string) reply {
		r, err := http.NewRequestWithContext(bounded(t), method, url, nil)
		require.NoError(t, err)
		return do(t, r)
	}
	for _, url := range []string{s.BaseURL(), s.BaseURL() + "/chat", s.BaseURL() + "/messages", s.BaseURL() + "/../x", s.base + "/v1/usage"} {
		require.Equal(t, 404, get("GET", url).status, url)
	}
	require.Equal(t, 404, get("PUT", s.BaseURL()+"/chat/completions").status)
	require.Equal(t, "m1", at(decode(t, get("GET", s.BaseURL()+"/models").body), "data", 0, "id"))
	zen := do(t, wires[2].request(t, bounded(t), s.ZenURL(), "k1", streamed(wires[2].hello)))
	require.Equal(t, "Hello from Personal.", text(parseSSE(t, zen.body)))
	require.Equal(t, 500, do(t, wires[0].request(t, bounded(t), s.BaseURL(), "k1", "{")).status, "an invalid body")
}

func TestUnderHTTPTest(t *testing.T) {
	s := New(Options{Accounts: []Account{{Key: "k"}}})
	require.Empty(t, s.BaseURL())
	ts := httptest.NewServer(s)
	defer ts.Close()
	for _, f := range wires {
		got := do(t, f.request(t, bounded(t), ts.URL+GoPath, "k", streamed(f.hello)))
		require.Equal(t, "Hello from Account 1.", text(parseSSE(t, got.body)))
	}
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, wires[0].request(t, bounded(t), "http://x"+GoPath, "k", streamed(wires[0].hello)))
	require.Equal(t, 200, rec.Code)
	require.NoError(t, s.Close())
}

func TestPortInUse(t *testing.T) {
	s := start(t, Options{})
	var port int
	_, err := fmt.Sscanf(s.base, "http://127.0.0.1:%d", &port)
	require.NoError(t, err)
	_, err = Start(Options{Port: port})
	require.ErrorContains(t, err, "choose another port")
}
