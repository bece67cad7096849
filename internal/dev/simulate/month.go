package main

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// The published limits of a subscription are 12 dollars in 5 hours, 30 in a week and 60 in a month
// (https://opencode.ai/docs/go/). Here a request costs 25 cents.
const (
	perFiveHours = 48
	perWeek      = 120
	perMonth     = 240
)

const accounts = 5

// play describes a month to simulate.
type play struct {
	pattern   pattern
	strategy  string
	ahead     int
	elsewhere bool // the first two accounts are also used outside of the pool
	reserve   bool // the last account is of tier 2
	seed      uint64
}

// outcome is the result of a month.
type outcome struct {
	asked, answered int
	elsewhere       int           // requests answered outside of the pool
	switches        int           // switches of running processes from one account to another
	ahead           int           // switches ahead of the limit
	waits           int           // times that a process found no account
	waited          time.Duration // the sum of all waits
	reserved        int           // requests answered by the last account
	days            [counted]share
}

// share has the numbers of answered requests of a day.
type share struct{ others, last int }

func (o *outcome) add(other outcome) {
	o.asked += other.asked
	o.answered += other.answered
	o.elsewhere += other.elsewhere
	o.switches += other.switches
	o.ahead += other.ahead
	o.waits += other.waits
	o.waited += other.waited
	o.reserved += other.reserved
}

// month is the state of one simulation.
type month struct {
	now     time.Time
	service *fakeservice.Server
	pool    *rotation.Pool
	keys    keychain.Store
	base    *url.URL
	client  *http.Client
	counts  bool // the counted month has begun
	sum     outcome
	due     queue
}

// The subscriptions are bought one after another, so their windows begin at different times. The
// counted month begins after the last one.
const (
	apart   = 6 // days between two purchases
	warmUp  = apart * (accounts - 1)
	counted = 30
)

func (p play) run() (outcome, error) {
	m := &month{now: begin, keys: keychain.NewMemory()}
	m.pool = rotation.New(new(state.Memory), m.clock, func(int, string) bool { return true })
	ctx := context.Background()
	options := fakeservice.Options{Now: m.clock, KeepRequests: 1}
	for i := range accounts {
		id, key := fmt.Sprint("id", i), fmt.Sprint("key", i)
		options.Accounts = append(options.Accounts, fakeservice.Account{Key: key, Label: fmt.Sprint("Account ", i+1), Plan: fakeservice.Plan{Budgets: []fakeservice.Budget{
			{Window: fakeservice.Rolling, Requests: perFiveHours},
			{Window: fakeservice.Weekly, Requests: perWeek, From: begin},
			{Window: fakeservice.Monthly, Requests: perMonth, From: begin.Add(time.Duration(i) * apart * day)},
		}}})
		if err := errors.Join(m.keys.Set(ctx, id, keychain.NewSecret(key)), m.pool.Add(ctx, rotation.NewAccount{ID: id, Label: fmt.Sprint("Account ", i+1)})); err != nil {
			return outcome{}, err
		}
	}
	m.service = fakeservice.New(options)
	m.base = &url.URL{Scheme: "http", Host: "stand-in", Path: fakeservice.GoPath}
	m.client = &http.Client{Transport: direct{m.service}}
	if err := m.pool.Configure(ctx, func(s *state.Settings) { s.Strategy, s.Ahead = p.strategy, p.ahead }); err != nil {
		return outcome{}, err
	}
	if p.reserve {
		if err := m.pool.SetTier(ctx, fmt.Sprint("id", accounts-1), 2); err != nil {
			return outcome{}, err
		}
	}
	r := rand.New(rand.NewPCG(p.seed, 0))
	for i, s := range p.pattern.sessions(r, warmUp+counted) {
		m.due.add(s.start, &process{month: m, session: s, number: i + 1})
	}
	if p.elsewhere {
		others := pattern{desks: 1, pace: 0.3}
		for account := range 2 {
			for _, s := range others.sessions(r, warmUp+counted) {
				m.due.add(s.start, &stranger{month: m, session: s, key: fmt.Sprint("key", account)})
			}
		}
	}
	return m.play()
}

func (m *month) clock() time.Time { return m.now }

// play runs the steps of the actors in the order of their times, until the end.
func (m *month) play() (outcome, error) {
	for m.due.Len() > 0 {
		next := heap.Pop(&m.due).(*turn)
		m.now = next.at
		m.counts = !m.now.Before(begin.Add(warmUp * day))
		at, err := next.who.step()
		if err != nil {
			return outcome{}, err
		}
		if !at.IsZero() {
			m.due.add(at, next.who)
		}
	}
	return m.sum, nil
}

// direct sends requests to the stand-in without a network.
type direct struct{ http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil { // as a server gets it
		req.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, req)
	return w.Result(), nil
}

// ask sends one request with a key.
func (m *month) ask(key string) rotation.Answer {
	req := httptest.NewRequest(http.MethodPost, m.base.JoinPath("chat/completions").Path, strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`))
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("X-Opencode-Session", "ses_month")
	w := httptest.NewRecorder()
	m.service.ServeHTTP(w, req)
	return rotation.Answer{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes(), Model: "m"}
}

// actor is a process or a user outside of the pool.
type actor interface {
	// step acts, and returns the time of the next step. The zero time means that there is none.
	step() (time.Time, error)
}

type turn struct {
	at    time.Time
	order int
	who   actor
}

// queue is sorted by time. Steps with the same time keep the order in which they were added.
type queue struct {
	turns []*turn
	n     int
}

func (q *queue) add(at time.Time, who actor) {
	q.n++
	heap.Push(q, &turn{at, q.n, who})
}
func (q *queue) Len() int { return len(q.turns) }
func (q *queue) Less(i, j int) bool {
	a, b := q.turns[i], q.turns[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.order < b.order
}
func (q *queue) Swap(i, j int) { q.turns[i], q.turns[j] = q.turns[j], q.turns[i] }
func (q *queue) Push(x any)    { q.turns = append(q.turns, x.(*turn)) }
func (q *queue) Pop() any {
	last := q.turns[len(q.turns)-1]
	q.turns = q.turns[:len(q.turns)-1]
	return last
}
