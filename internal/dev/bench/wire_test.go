package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// served returns a route to the handler h.
func served(t *testing.T, h http.HandlerFunc) (way, *wire) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	over := way{name: "test", host: u.Host, key: "k"}
	w, err := dial(t.Context(), over)
	require.NoError(t, err)
	t.Cleanup(w.close)
	require.NoError(t, w.extend())
	return over, w
}

func TestWire(t *testing.T) {
	over, w := served(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == prefix+"/fails":
			http.Error(w, "no", http.StatusBadGateway)
		case r.URL.Path != prefix+"/x" || r.Header.Get("Authorization") != "Bearer k" || string(body) != "body" || r.Header.Get("A") != "b":
			http.Error(w, "wrong request", http.StatusBadRequest)
		default:
			_, _ = w.Write(make([]byte, 1500))
		}
	})
	request := over.request("/x", []byte("body"), "A: b")
	for range 3 { // unread bytes of an answer would corrupt the next answer
		require.NoError(t, w.ask(request))
	}
	assert.ErrorContains(t, w.ask(over.request("/fails", nil)), "502")
	status, err := w.exchange(over.request("/x", nil))
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, status)
	_, err = w.stream(over.request("/fails", nil))
	assert.ErrorContains(t, err, "502")
}

func TestWireWantsALength(t *testing.T) {
	over, w := served(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write([]byte("chunk"))
	})
	assert.ErrorContains(t, w.ask(over.request("/x", nil)), "no length")
}

func TestReadStream(t *testing.T) {
	events := streamEvents
	over, w := served(t, func(w http.ResponseWriter, r *http.Request) {
		say := beginStream(w)
		pause(r, 20*time.Millisecond)
		for range events {
			_ = say()
		}
	})
	for range 2 {
		total, transit, err := readStream(w, over.request("/x", nil))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, total, 20.0)
		assert.Len(t, transit, streamEvents)
		for _, v := range transit {
			assert.Positive(t, v)
			assert.Less(t, v, milliseconds(patience))
		}
	}
	events--
	_, _, err := readStream(w, over.request("/x", nil))
	assert.ErrorContains(t, err, "events arrived")
}

func TestSaturateTellsOfErrors(t *testing.T) {
	over, w := served(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })
	_, _, err := saturate([]*wire{w}, over.request("/x", nil), time.Minute)
	assert.ErrorContains(t, err, "418")
}

func TestUpstreamRefusesOtherKeys(t *testing.T) {
	over, w := served(t, known(func(http.ResponseWriter, *http.Request) {}))
	assert.ErrorContains(t, w.ask(over.request("/x", nil)), "500")
	over.key = keyOf(3)
	assert.NoError(t, w.ask(over.request("/x", nil)))
}

func TestFailoverDelay(t *testing.T) {
	over, w := served(t, new(failovers).limit)
	id, back := headerID+": 1", headerBack+": 300"
	for _, first := range []string{id, headerID + ": 2"} {
		status, err := w.exchange(over.request("/x", nil, first, back))
		require.NoError(t, err)
		assert.Equal(t, http.StatusTooManyRequests, status, "each id is a separate fail-over")
	}
	body, err := w.stream(over.request("/x", nil, id, back))
	require.NoError(t, err)
	var delay float64
	require.NoError(t, json.NewDecoder(body).Decode(&delay))
	assert.Positive(t, delay)
}
