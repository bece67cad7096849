package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/internal/fakeservice"
	"ocgo-key/rotation"
)

// A limit error with status 200 causes a switch, in every form that clients treat as an error.
func TestALimitInASuccessFailsOver(t *testing.T) {
	const limit = `{"type":"error","error":{"type":"GoUsageLimitError","message":"Weekly usage limit reached"},"metadata":{"limitName":"weekly"}}`
	lines := "data: " + strings.ReplaceAll(limit, ",", ",\ndata: ")
	for name, c := range map[string]struct{ contentType, body string }{
		"JSON":               {"application/json", limit},
		"JSON, spread out":   {"application/json; charset=utf-8", "\n" + strings.ReplaceAll(limit, ",", ",\n  ")},
		"an event":           {"text/event-stream", "event: error\ndata: " + limit + "\n\n"},
		"several data lines": {"text/event-stream", lines + "\n\n"},
		"several, named":     {"text/event-stream", "event: error\n" + lines + "\n\n"},
		"CR":                 {"text/event-stream", strings.ReplaceAll(": ping\n\nevent: error\n"+lines+"\n\n", "\n", "\r")},
		"CRLF":               {"text/event-stream", strings.ReplaceAll("id: 1\n"+lines+"\n\n", "\n", "\r\n")},
	} {
		for form, f := range formats {
			for _, stream := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/stream=%v", name, form, stream), func(t *testing.T) {
					s := newStage(t)
					s.service.SetAnswers(keyOf("Work"), fakeservice.Raw(200, http.Header{"Content-Type": {c.contentType}, "Retry-After": {"100000"}}, []byte(c.body)))
					a := s.do(t, s.request(t, f, stream))
					assert.Equal(t, 200, a.status)
					assert.Contains(t, a.body, "Personal")
					assert.NotContains(t, a.body, "GoUsageLimitError")
					condition := s.condition(t, "Work")
					assert.Equal(t, rotation.Cooling, condition.State)
					assert.Contains(t, condition.Reason, "weekly")
					assert.Len(t, s.seen(), 2)
				})
			}
		}
	}
}

// Answers that are not limits are passed on unchanged, even after they were examined.
func TestASuccessIsPassedOnAsItCame(t *testing.T) {
	for name, body := range map[string]string{
		"another error":     `{"type":"error","error":{"type":"ModelError","message":"no such model"}}`,
		"one that is large": `{"message":"` + strings.Repeat("long ", 100_000) + `","error":{"type":"GoUsageLimitError"}}`,
		"no error":          `{"id":"1","object":"response","error":null,"output":[]}`,
		"no JSON":           `{"error":`,
		"empty":             "",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.service.SetAnswers(keyOf("Work"), fakeservice.Raw(200, http.Header{"Content-Type": {"application/json"}}, []byte(body)))
			a := s.do(t, s.request(t, formats["chat"], false))
			assert.Equal(t, 200, a.status)
			assert.True(t, body == a.body, "it is as it was")
			assert.Equal(t, fmt.Sprint(len(body)), a.header.Get("Content-Length"))
			assert.Equal(t, rotation.Ready, s.condition(t, "Work").State)
			assert.Len(t, s.seen(), 1)
		})
	}
}

// The headers and the first words of a slow answer arrive at once.
func TestAnAnswerThatIsNoStreamIsNotHeldBack(t *testing.T) {
	u, behind := upstream(t, "application/json")
	s := newStage(t, behind)
	responses := make(chan *http.Response, 1)
	go func() {
		resp, err := s.client.Do(s.request(t, formats["chat"], false))
		assert.NoError(t, err)
		responses <- resp
	}()
	u.pieces <- `{"id":"1`
	resp := <-responses
	defer resp.Body.Close()
	buf := make([]byte, 100)
	for _, piece := range []string{`{"id":"1`, `","choices":[]`, `}`} {
		if piece != `{"id":"1` {
			u.pieces <- piece
		}
		n, err := resp.Body.Read(buf)
		assert.NoError(t, err)
		assert.Equal(t, piece, string(buf[:n]))
	}
	close(u.pieces)
}
