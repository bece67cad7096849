package rotation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ocgo-key/rotation"
)

// In a pool of any size, all accounts are handed out to new processes equally often, up to a
// difference of one.
func TestFairness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		accounts := rapid.IntRange(1, 12).Draw(t, "accounts")
		labels := make([]string, accounts)
		for i := range labels {
			labels[i] = fmt.Sprint("a", i)
		}
		w := newWorld(t, labels...)
		shares := map[string]int{}
		for pid := range rapid.IntRange(0, 100).Draw(t, "processes") {
			shares[w.get(t, pid+1)]++
		}
		least, most := 1<<30, 0
		for _, l := range labels {
			least, most = min(least, shares[l]), max(most, shares[l])
		}
		require.LessOrEqual(t, most-least, 1)
	})
}

// TestPoolMachine applies random commands, limits, usage and times to a pool, with each strategy.
// It checks these rules after each step:
//   - An account that is cooling, rejected, disabled or used up is not handed out.
//   - A holder (a process or a conversation) keeps its account until a limit, and does not return
//     to it.
//   - A holder that switches ahead of a limit gets an account with more left, and does not switch
//     again at once.
//   - The pool reports exhaustion only if no account is ready.
func TestPoolMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"acquire":   m.acquire,
			"limit":     m.limit,
			"reject":    m.reject,
			"disable":   m.disable,
			"enable":    m.enable,
			"usage":     m.usage,
			"configure": m.configure,
			"time": func(t *rapid.T) {
				m.pass(time.Duration(rapid.IntRange(1, 1800).Draw(t, "seconds")) * time.Second)
			},
			"day": func(t *rapid.T) { m.pass(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour) },
			"die": func(t *rapid.T) {
				p := m.holder(t)
				m.end(p)
				require.NoError(t, m.Release(context.Background(), holder(p)))
			},
			"crowd": m.crowd,
		})
	})
}

// machine is a pool with a simpler model of its rules.
type machine struct {
	*world
	labels    []string
	coolUntil map[string]time.Time
	out       map[string]bool
	percent   map[string]int       // of the monthly window
	resets    map[string]time.Time // of the monthly window
	holds     map[int]string
	left      map[int]time.Time        // when the holder last switched ahead of a limit
	had       map[int]rotation.Handout // the last hand-out to a conversation
	strategy  string
	ahead     int
}

func newMachine(t *rapid.T) *machine {
	labels := []string{"A", "B", "C", "D"}[:rapid.IntRange(1, 4).Draw(t, "accounts")]
	return &machine{world: newWorld(t, labels...), labels: labels, coolUntil: map[string]time.Time{}, out: map[string]bool{},
		percent: map[string]int{}, resets: map[string]time.Time{}, holds: map[int]string{}, left: map[int]time.Time{}, had: map[int]rotation.Handout{}, strategy: rotation.RoundRobin}
}

// holder returns the holder with this number: even for a conversation, odd for a process.
func (m *machine) holder(t *rapid.T) int { return rapid.IntRange(1, 6).Draw(t, "holder") }

func holder(p int) rotation.Holder {
	if p%2 == 0 {
		return rotation.ConversationOf(fmt.Sprint(p))
	}
	return proc(p)
}

func (m *machine) end(p int) {
	delete(m.holds, p)
	delete(m.left, p)
	delete(m.had, p)
}

// expire removes ended conversations from the model. Like the pool, it uses the last recorded use,
// which is in the last hand-out.
func (m *machine) expire(p int) {
	if had, ok := m.had[p]; ok && p%2 == 0 && m.now().Sub(had.Used) >= 25*time.Hour {
		m.end(p)
	}
}

// crowd removes a conversation's lease from the state, as if many others had started. The time of
// its last switch ahead of a limit is lost, but not its account.
func (m *machine) crowd(t *rapid.T) {
	p := m.holder(t)
	if p%2 == 0 {
		delete(m.left, p)
		require.NoError(t, m.Release(context.Background(), holder(p)))
	}
}
func (m *machine) account(t *rapid.T) int {
	return rapid.IntRange(0, len(m.labels)-1).Draw(t, "account")
}

// usable reports whether the holder of the account can keep it. free reports whether another holder
// can get the account.
func (m *machine) usable(l string) bool { return !m.out[l] && !m.now().Before(m.coolUntil[l]) }
func (m *machine) free(l string) bool   { return m.usable(l) && m.used(l) < 100 }

func (m *machine) used(l string) int {
	if !m.now().Before(m.resets[l]) {
		return 0
	}
	return m.percent[l]
}

// below returns the free accounts, and those of them whose usage is below the percentage at which
// holders switch.
func (m *machine) below() (free, below []string) {
	for _, l := range m.labels {
		if m.free(l) {
			free = append(free, l)
			if m.ahead == 0 || m.used(l) < m.ahead {
				below = append(below, l)
			}
		}
	}
	return free, below
}

func (m *machine) check(t *rapid.T, p int, h rotation.Handout, err error) {
	free, below := m.below()
	old, had := m.holds[p]
	had = had && m.usable(old)
	if err != nil {
		require.ErrorAs(t, err, new(*rotation.ExhaustedError))
		require.False(t, had, "exhausted, but the holder has a usable account")
		require.Empty(t, free, "exhausted, but an account is ready")
		return
	}
	m.holds[p], m.had[p] = h.Label, h
	if p%2 == 0 {
		require.Less(t, m.now().Sub(h.Used), time.Hour, "the use of the lease must be recorded every hour")
	}
	if had && old == h.Label {
		rested := m.left[p].IsZero() || m.now().Sub(m.left[p]) >= 15*time.Minute
		if m.ahead > 0 && rested && m.used(old) >= m.ahead {
			require.Empty(t, below, "the holder must leave its account, and another one is below the percentage")
		}
		return
	}
	if had {
		require.NotZero(t, m.ahead, "the holder was moved from a usable account")
		require.GreaterOrEqual(t, m.used(old), m.ahead, "the holder left its account below the percentage")
		require.Contains(t, below, h.Label)
		if at, ok := m.left[p]; ok {
			require.GreaterOrEqual(t, m.now().Sub(at), 15*time.Minute, "the holder moved twice within 15 minutes")
		}
		m.left[p] = m.now()
	}
	require.Contains(t, free, h.Label, "the account that was handed out is not ready")
	if len(below) == 0 {
		below = free
	}
	require.Contains(t, below, h.Label)
	switch m.strategy {
	case rotation.FillFirst:
		require.Equal(t, below[0], h.Label)
	case rotation.MostLeft:
		for _, l := range below {
			require.LessOrEqual(t, m.used(h.Label), m.used(l))
		}
	}
}

func (m *machine) acquire(t *rapid.T) {
	p := m.holder(t)
	m.expire(p)
	h, err := m.Acquire(context.Background(), holder(p), rotation.Ask{Had: m.had[p]})
	m.check(t, p, h, err)
}

func (m *machine) limit(t *rapid.T) {
	p, i := m.holder(t), m.account(t)
	until := m.now().Add(time.Duration(rapid.IntRange(10, 1000).Draw(t, "seconds")) * time.Second)
	if until.After(m.coolUntil[m.labels[i]].Add(2*time.Second)) || !m.now().Before(m.coolUntil[m.labels[i]]) {
		m.coolUntil[m.labels[i]] = until
	}
	m.report(t, p, i, rotation.Verdict{Action: rotation.Cool, Until: until, Reason: "weekly limit", Window: "weekly"})
}

func (m *machine) reject(t *rapid.T) {
	p, i := m.holder(t), m.account(t)
	m.out[m.labels[i]] = true
	m.report(t, p, i, rotation.Verdict{Action: rotation.Reject, Reason: "AuthError"})
}

// report calls Report, which never switches a holder before a limit, and checks the result.
func (m *machine) report(t *rapid.T, p, i int, v rotation.Verdict) {
	m.expire(p)
	h, _, err := m.Report(context.Background(), holder(p), rotation.Handout{ID: fmt.Sprint("id", i)}, v, rotation.Ask{Had: m.had[p]})
	if old, ok := m.holds[p]; ok && m.usable(old) {
		require.NoError(t, err)
		require.Equal(t, old, h.Label)
		return
	}
	m.check(t, p, h, err)
}

func (m *machine) disable(t *rapid.T) {
	i := m.account(t)
	m.out[m.labels[i]] = true
	require.NoError(t, m.Disable(context.Background(), fmt.Sprint("id", i)))
}

func (m *machine) enable(t *rapid.T) {
	i := m.account(t)
	m.out[m.labels[i]] = false
	delete(m.coolUntil, m.labels[i])
	if m.percent[m.labels[i]] >= 100 {
		delete(m.percent, m.labels[i])
	}
	require.NoError(t, m.Enable(context.Background(), fmt.Sprint("id", i)))
}

// usage calls Learn with a usage of the monthly window, unless the account is cooling.
func (m *machine) usage(t *rapid.T) {
	i := m.account(t)
	l := m.labels[i]
	if m.now().Before(m.coolUntil[l]) {
		return
	}
	percent := rapid.SampledFrom([]int{0, 10, 50, 89, 90, 95, 99, 100, 120}).Draw(t, "percent")
	m.percent[l], m.resets[l] = percent, m.now().Add(time.Duration(rapid.IntRange(10, 7200).Draw(t, "seconds"))*time.Second)
	require.NoError(t, m.Learn(context.Background(), rotation.Handout{ID: fmt.Sprint("id", i)}, used("monthly", percent, m.resets[l])))
	m.resets[l] = m.kept(t, i)
}

// kept returns the stored time of the reset. The pool ignores a difference of a second.
func (m *machine) kept(t *rapid.T, i int) time.Time {
	o, err := m.Overview(context.Background())
	require.NoError(t, err)
	return o.Accounts[i].Usage.Windows["monthly"].ResetsAt
}

func (m *machine) configure(t *rapid.T) {
	m.strategy = rapid.SampledFrom(rotation.Strategies()).Draw(t, "strategy")
	m.ahead = rapid.SampledFrom([]int{0, 50, 90, 99}).Draw(t, "ahead")
	m.world.configure(t, m.strategy, m.ahead)
}
