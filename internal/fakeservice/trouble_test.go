package fakeservice

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func regexpQuote(s string) string { return regexp.QuoteMeta(s) }

func TestStreamError(t *testing.T) {
	s := start(t, Options{})
	for _, f := range wires {
		s.SetAnswers("k1", StreamError(0, "GoUsageLimitError", "Weekly usage limit reached."))
		got := f.hi(t, s, "k1")
		require.NoError(t, got.err)
		require.Equal(t, 200, got.status)
		require.Equal(t, "text/event-stream", got.header.Get("Content-Type"))
		events := parseSSE(t, got.body)
		require.Len(t, events, 1)
		require.Equal(t, "error", events[0].name)
		require.Equal(t, "error", at(events[0].data, "type"))
		require.Equal(t, "GoUsageLimitError", at(events[0].data, "error", "type"))
		require.Equal(t, "Weekly usage limit reached.", at(events[0].data, "error", "message"))
		require.Equal(t, Broken, last(s).Outcome)

		s.SetAnswers("k1", StreamError(2, "overloaded_error", "busy"))
		events = parseSSE(t, f.hi(t, s, "k1").body)
		require.Equal(t, "Hello from ", text(events[:len(events)-1]), f.name)
		require.Equal(t, "error", events[len(events)-1].name)

		got = do(t, f.request(t, bounded(t), s.BaseURL(), "k1", plain(f.hello)))
		require.Equal(t, 200, got.status)
		require.Equal(t, "busy", at(decode(t, got.body), "error", "message"))
	}
}

func TestDroppedConnection(t *testing.T) {
	s := start(t, Options{})
	for _, f := range wires {
		for _, body := range []string{streamed(f.hello), plain(f.hello)} {
			s.SetAnswers("k1", Dropped(1))
			got := do(t, f.request(t, bounded(t), s.BaseURL(), "k1", body))
			require.Equal(t, 200, got.status)
			require.True(t, isCutOff(got.err), "%s: %v", f.name, got.err)
			require.NotEmpty(t, got.body)
			if body == streamed(f.hello) {
				require.Equal(t, "Hello ", text(parseSSE(t, got.body)))
			} else {
				require.False(t, json.Valid([]byte(got.body)), "only a part of the body must arrive")
			}
			require.Equal(t, Broken, last(s).Outcome)
		}
		s.SetAnswers("k1", Dropped(0))
		got := f.hi(t, s, "k1")
		require.True(t, isCutOff(got.err), got.err)
		require.Empty(t, got.body)

		s.SetAnswers("k1", Answer{Break: Reset, BreakAfter: 100})
		got = f.hi(t, s, "k1")
		require.ErrorIs(t, got.err, syscall.ECONNRESET)

		s.SetAnswers("k1", Answer{Break: NoAnswer})
		_, err := client(t).Do(f.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.hello)))
		require.ErrorIs(t, err, io.EOF)
		require.Zero(t, last(s).Status)
	}
	require.Zero(t, s.Disconnects())
}

func TestCleanEndWithoutFinish(t *testing.T) {
	s := start(t, Options{})
	s.SetAnswers("k1", Answer{Break: CleanEnd, BreakAfter: 1})
	got := wires[0].hi(t, s, "k1")
	require.NoError(t, got.err)
	require.Equal(t, "Hello ", text(parseSSE(t, got.body)))
	require.NotContains(t, got.body, `"stop"`)
}

// When a client disconnects, all delays of the plan end.
func TestClientGoesAway(t *testing.T) {
	plans := map[string]Answer{
		"no headers":    Stalled(-1),
		"no more":       Slow(-1),
		"late error":    {Status: 500, Stall: time.Hour},
		"chunks so far": Slow(time.Hour),
	}
	for name, answer := range plans {
		t.Run(name, func(t *testing.T) {
			var ended atomic.Value
			s := start(t, Options{OnDone: func(r Request) { ended.Store(r.Outcome) }})
			s.SetAnswers("k1", answer)
			ctx, cancel := context.WithCancel(bounded(t))
			result := make(chan error, 1)
			go func() {
				res, err := client(t).Do(wires[0].request(t, ctx, s.BaseURL(), "k1", streamed(wires[0].hello)))
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				result <- err
			}()
			require.NoError(t, s.WaitFor(bounded(t), func() bool { return s.InFlight() == 1 && s.Connections() == 1 }))
			cancel()
			require.ErrorIs(t, <-result, context.Canceled)
			require.NoError(t, s.WaitFor(bounded(t), func() bool { return s.InFlight() == 0 && s.Connections() == 0 }))
			require.Equal(t, 1, s.Disconnects())
			require.Equal(t, Gone, last(s).Outcome)
			require.Equal(t, Gone, ended.Load())
		})
	}
}

func TestDelaysPass(t *testing.T) {
	s := start(t, Options{})
	s.SetAnswers("k1", Answer{Stall: time.Millisecond, ChunkDelay: time.Millisecond})
	began := time.Now()
	require.Equal(t, "Hello from Personal.", text(parseSSE(t, wires[0].hi(t, s, "k1").body)))
	require.GreaterOrEqual(t, time.Since(began), 3*time.Millisecond) // one stall and two gaps take at least this long on any machine
	s.SetPlan("k1", Plan{Usage: Usage{Delay: time.Millisecond}})
	require.Equal(t, 200, usage(t, s, "k1").status)
}

// The pieces arrive one by one: the client can read the first one while the second one never comes.
func TestEachEventIsFlushed(t *testing.T) {
	s := start(t, Options{})
	s.SetAnswers("k1", Slow(-1))
	for _, f := range wires {
		ctx, cancel := context.WithCancel(bounded(t))
		res, err := client(t).Do(f.request(t, ctx, s.BaseURL(), "k1", streamed(f.hello)))
		require.NoError(t, err)
		var got strings.Builder
		buf := make([]byte, 512)
		for !strings.Contains(got.String(), "Hello ") {
			n, err := res.Body.Read(buf)
			require.NoError(t, err)
			got.Write(buf[:n])
		}
		cancel()
		res.Body.Close()
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s, err := Start(Options{Accounts: []Account{{Key: "k"}}})
	require.NoError(t, err)
	s.SetAnswers("k", Stalled(-1))
	result := make(chan error, 1)
	go func() {
		res, err := client(t).Do(wires[0].request(t, bounded(t), s.BaseURL(), "k", streamed(wires[0].hello)))
		if err == nil {
			res.Body.Close()
			err = errors.New("answered")
		}
		result <- err
	}()
	require.NoError(t, s.WaitFor(bounded(t), func() bool { return s.InFlight() == 1 }))
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-result, io.EOF)
	require.NoError(t, s.Close(), "Close may be called twice")
}

func TestRequestLog(t *testing.T) {
	clk := newClock()
	var hooked []string
	s := start(t, Options{Now: clk.now, KeepRequests: 4, OnRequest: func(r Request) { hooked = append(hooked, r.Path) }})
	f := wires[1]
	r := f.request(t, bounded(t), s.BaseURL(), "k2", streamed(f.hello))
	r.URL.RawQuery = "beta=true"
	r.Header.Set("X-Custom", "v")
	require.Equal(t, 200, do(t, r).status)
	q := last(s)
	require.Equal(t, 1, q.N)
	require.Equal(t, clk.now(), q.Time)
	require.Equal(t, http.MethodPost, q.Method)
	require.Equal(t, "/zen/go/v1/messages", q.Path)
	require.Equal(t, "beta=true", q.Query)
	require.Equal(t, "k2", q.Key)
	require.Equal(t, "x-api-key", q.AuthHeader)
	require.Equal(t, "minimax-m3", q.Model)
	require.Equal(t, "v", q.Header.Get("X-Custom"))
	require.Equal(t, streamed(f.hello), string(q.Body))
	require.False(t, q.Tools)
	require.False(t, q.Title)
	require.Equal(t, []string{q.Path}, hooked)

	r = f.request(t, bounded(t), s.BaseURL(), "k2", streamed(f.hello))
	r.Header.Set("Authorization", "Bearer k1")
	do(t, r)
	require.Equal(t, "both", last(s).AuthHeader)
	require.Equal(t, "k2", last(s).Key)

	for range 20 {
		usage(t, s, "k1")
	}
	require.Equal(t, 22, s.Total())
	all := s.Requests()
	require.Less(t, len(all), 9, "the log is bounded")
	require.GreaterOrEqual(t, len(all), 4)
	for i, r := range all {
		require.Equal(t, 22-len(all)+1+i, r.N)
	}
	s.ClearRequests()
	require.Empty(t, s.Requests())
	require.Zero(t, s.Total())
}

// OnRequest runs before the answer is chosen. It may block requests until all have arrived.
func TestHookMayChangeThePlan(t *testing.T) {
	var s *Server
	gate := make(chan struct{})
	var arrived sync.WaitGroup
	arrived.Add(5)
	s = start(t, Options{OnRequest: func(Request) { arrived.Done(); <-gate }})
	statuses := make(chan int, 5)
	for range 5 {
		go func() {
			res, err := client(t).Do(wires[0].request(t, bounded(t), s.BaseURL(), "k1", streamed(wires[0].hello)))
			if err != nil {
				statuses <- -1
				return
			}
			res.Body.Close()
			statuses <- res.StatusCode
		}()
	}
	arrived.Wait()
	require.Equal(t, 5, s.InFlight())
	s.SetAnswers("k1", UsageLimit(Weekly, time.Minute))
	close(gate)
	for range 5 {
		require.Equal(t, 429, <-statuses)
	}
}

func TestBodyCutShortByTheClient(t *testing.T) {
	s := start(t, Options{})
	body, write := io.Pipe()
	r := wires[0].request(t, bounded(t), s.BaseURL(), "k1", "")
	r.Body, r.ContentLength = body, -1
	result := make(chan error, 1)
	go func() {
		res, err := client(t).Do(r)
		if err == nil {
			res.Body.Close()
		}
		result <- err
	}()
	_, err := io.WriteString(write, `{"model":`)
	require.NoError(t, err)
	gaveUp := errors.New("gave up")
	require.NoError(t, write.CloseWithError(gaveUp))
	require.ErrorIs(t, <-result, gaveUp)
	require.NoError(t, s.WaitFor(bounded(t), func() bool { return s.Total() == 1 && s.InFlight() == 0 }))
}
