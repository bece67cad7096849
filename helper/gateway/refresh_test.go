package gateway_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

func (s *stage) view(t *testing.T, label string) rotation.View {
	o, err := s.pool.Overview(context.Background())
	require.NoError(t, err)
	v, err := o.Find(label)
	require.NoError(t, err)
	return v
}

// knows waits until this account's key is in the gateway's memory.
func (s *stage) knows(t *testing.T, label string) {
	require.Eventually(t, func() bool {
		_, ok := s.usage.Holder.Known(s.view(t, label).Handout())
		return ok
	}, 5*time.Second, time.Millisecond)
}

// learned waits until the usage numbers of these accounts are current.
func (s *stage) learned(t *testing.T, labels ...string) {
	t.Helper()
	for _, label := range labels {
		require.Eventually(t, func() bool {
			u := s.view(t, label).Usage
			return u != nil && u.At.Equal(s.clock.Now())
		}, 5*time.Second, time.Millisecond, label)
	}
}

// ask sends a request and checks that this account answers it.
func (s *stage) ask(t *testing.T, label string) {
	t.Helper()
	a := s.do(t, s.request(t, formats["chat"], true))
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, label)
}

func (s *stage) moves() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.switches...)
}

func TestUsageIsRefreshedAtIntervals(t *testing.T) {
	s := usageStage(t)
	s.knows(t, "Personal") // as the next account; the key of Spare is not in memory
	s.clock.pass(10 * time.Hour)
	assert.Equal(t, 0, s.asked("/usage"), "a gateway that idles asks nothing")
	for range 10 {
		s.ask(t, "Work")
	}
	s.learned(t, "Work", "Personal")
	s.clock.pass(5*time.Minute - time.Second)
	for range 10 {
		s.ask(t, "Work")
	}
	s.clock.pass(time.Second)
	for range 10 {
		s.ask(t, "Work")
	}
	s.learned(t, "Work")
	for range 2 {
		s.clock.pass(5 * time.Minute)
		s.ask(t, "Work")
		s.learned(t, "Work")
	}
	s.learned(t, "Personal") // 15 minutes have passed
	s.clock.pass(time.Hour)
	s.Close()
	assert.Equal(t, []int{4, 2, 0}, []int{s.askedAbout("Work"), s.askedAbout("Personal"), s.askedAbout("Spare")})
}

func TestUsageReadByAnotherProcessIsFresh(t *testing.T) {
	s := usageStage(t)
	s.knows(t, "Personal")
	s.clock.pass(time.Hour)
	for _, label := range labels {
		require.NoError(t, s.pool.Learn(t.Context(), s.view(t, label).Handout(), rotation.Usage{Windows: map[string]rotation.Window{"weekly": {Status: "ok", Percent: 7}}}))
	}
	s.clock.pass(5*time.Minute - time.Second)
	s.ask(t, "Work")
	s.Close()
	assert.Equal(t, 0, s.asked("/usage"))
}

func TestUsageIsReadAfterASwitch(t *testing.T) {
	s := usageStage(t)
	s.knows(t, "Personal")
	s.ask(t, "Work")
	s.learned(t, "Work", "Personal")
	s.clock.pass(2 * time.Minute) // no usage numbers are old yet
	s.service.SetPlan(keyOf("Work"), fakeservice.Plan{Limits: []fakeservice.Limit{{Window: fakeservice.Weekly, Until: s.clock.Now().Add(time.Hour)}}})
	s.ask(t, "Personal")
	s.learned(t, "Work", "Personal")
	s.ask(t, "Personal")
	s.Close()
	assert.Equal(t, []int{2, 2}, []int{s.askedAbout("Work"), s.askedAbout("Personal")})
}

func TestUsageOfUnusedAccountsIsNotRead(t *testing.T) {
	s := usageStage(t)
	s.knows(t, "Personal")
	require.NoError(t, s.pool.Disable(t.Context(), "id1"))
	s.ask(t, "Work")
	s.learned(t, "Work")
	s.Close()
	assert.Equal(t, 1, s.asked("/usage"))
}

// Even if /usage never answers, requests are answered, and closing the gateway leaves no goroutine.
func TestSlowUsageDelaysNoRequest(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("run", func(t *testing.T) {
		s := usageStage(t)
		s.knows(t, "Personal")
		for _, label := range labels {
			s.service.SetPlan(keyOf(label), fakeservice.Plan{Usage: fakeservice.Usage{Delay: -1}})
		}
		s.ask(t, "Work")
		require.Eventually(t, func() bool { return s.askedAbout("Work") == 1 && s.askedAbout("Personal") == 1 }, 5*time.Second, time.Millisecond)
		s.ask(t, "Work")
		assert.Equal(t, 2, s.service.InFlight(), "the questions are still open")
		s.clock.pass(2 * time.Minute) // longer than the minimum time between two requests to /usage, which are still open
		s.ask(t, "Work")
		s.Close()
	})
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("testing.(*T).Run"))
}

// almostUsedUp sets the usage of Work's weekly window to 96 percent.
func (s *stage) almostUsedUp() time.Time {
	week := s.clock.Now().Add(50 * time.Hour)
	s.service.SetPlan(keyOf("Work"), fakeservice.Plan{Usage: fakeservice.Usage{Percent: map[fakeservice.Window]int{fakeservice.Weekly: 96}, ResetsAt: map[fakeservice.Window]time.Time{fakeservice.Weekly: week}}})
	return week
}

func TestMovesAheadOfTheLimit(t *testing.T) {
	var seen []rotation.Switch
	s := usageStage(t, func(o *gateway.Options) {
		o.Holder.(*helper.Holder).Ahead = 95
		told := o.Observer.Switched
		o.Observer.Switched = func(sw rotation.Switch) {
			seen = append(seen, sw) // read at the end
			told(sw)
		}
	})
	week := s.almostUsedUp()
	s.ask(t, "Work")
	s.learned(t, "Work")
	require.Eventually(t, func() bool {
		a := s.do(t, s.request(t, formats["chat"], true))
		return assert.Equal(t, http.StatusOK, a.status) && len(s.moves()) > 0
	}, 5*time.Second, time.Millisecond)
	for range 5 {
		s.clock.pass(20 * time.Minute)
		s.ask(t, "Personal")
		s.learned(t, "Personal")
	}
	s.Close()
	assert.Equal(t, []string{"Work -> Personal"}, s.moves())
	require.Len(t, seen, 1)
	assert.Equal(t, rotation.Ahead, seen[0].Cause)
	assert.Equal(t, 96, seen[0].Percent)
	assert.WithinDuration(t, week, seen[0].Verdict.Until, 2*time.Second)
	assert.Equal(t, rotation.Ready, s.condition(t, "Work").State, "there is still some left for others")
}

func TestMovesAheadOfTheSettings(t *testing.T) {
	s := usageStage(t)
	require.NoError(t, s.pool.Configure(t.Context(), func(to *state.Settings) { to.Ahead, to.Strategy = 95, rotation.MostLeft }))
	s.almostUsedUp()
	s.ask(t, "Work")
	s.learned(t, "Work")
	require.Eventually(t, func() bool {
		s.ask(t, "")
		return len(s.moves()) > 0
	}, 5*time.Second, time.Millisecond)
	assert.Equal(t, []string{"Work -> Personal"}, s.moves())
}

func TestASwitchByAnotherCommandIsReported(t *testing.T) {
	ctx := t.Context()
	for name, move := range map[string]func(*stage) error{
		"disable": func(s *stage) error { return s.pool.Disable(ctx, "id0") },
		"rotate": func(s *stage) error {
			_, err := s.pool.Move(ctx, rotation.Process{PID: 1, Start: "x"})
			return err
		},
		"remove": func(s *stage) error { return s.pool.Remove(ctx, "id0") },
		"a limit that another process met": func(s *stage) error {
			_, err := s.pool.Blame(ctx, rotation.Handout{ID: "id0"}, rotation.Verdict{Action: rotation.Cool, Until: s.clock.Now().Add(time.Hour), Reason: "weekly limit", Window: "weekly"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.ask(t, "Work")
			require.NoError(t, move(s))
			s.ask(t, "Personal")
			s.ask(t, "Personal")
			assert.Equal(t, []string{"Work -> Personal"}, s.moves())
		})
	}
}
