package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ocgo-key/rotation"
)

// TestFairness: whatever the size of the pool, hand-outs to new processes differ by at most one
// between accounts.
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

// TestPoolMachine plays commands, limits, usage and time against a pool, with each strategy, and
// checks after each step what must always hold: an account that cools, is rejected, disabled or
// used up is not handed out; a holder, process or conversation, keeps its account up to a real
// limit, so that it never jumps back; who leaves ahead of one goes where there is more left, and
// not on at once; and exhaustion is claimed only when it is true.
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

// machine is a pool, and what must be true of it by a simpler account of its rules.
type machine struct {
	*world
	labels    []string
	coolUntil map[string]time.Time
	out       map[string]bool
	percent   map[string]int       // of the one window that usage tells of
	resets    map[string]time.Time // of that one
	holds     map[int]string
	left      map[int]time.Time        // when the holder last left ahead of a limit
	had       map[int]rotation.Handout // what the server of a conversation remembers
	strategy  string
	ahead     int
}

func newMachine(t *rapid.T) *machine {
	labels := []string{"A", "B", "C", "D"}[:rapid.IntRange(1, 4).Draw(t, "accounts")]
	return &machine{world: newWorld(t, labels...), labels: labels, coolUntil: map[string]time.Time{}, out: map[string]bool{},
		percent: map[string]int{}, resets: map[string]time.Time{}, holds: map[int]string{}, left: map[int]time.Time{}, had: map[int]rotation.Handout{}, strategy: rotation.RoundRobin}
}

// holder is a number: an even one is a conversation's, an odd one a process's.
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

// expire forgets a conversation that has ended, as the pool does: by the use that was last written
// down, which is that of the last hand-out.
func (m *machine) expire(p int) {
	if had, ok := m.had[p]; ok && p%2 == 0 && m.now().Sub(had.Used) >= 25*time.Hour {
		m.end(p)
	}
}

// crowd is so many other conversations that a lease makes room for them in the state. Its server
// remembers the account, but not when the conversation last left ahead of a limit.
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

// usable is for one who has the account, free for one who might get it.
func (m *machine) usable(l string) bool { return !m.out[l] && !m.now().Before(m.coolUntil[l]) }
func (m *machine) free(l string) bool   { return m.usable(l) && m.used(l) < 100 }

func (m *machine) used(l string) int {
	if !m.now().Before(m.resets[l]) {
		return 0
	}
	return m.percent[l]
}

// below are the accounts that are free and, of those, below the limit that is set for leaving.
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
		require.True(t, errors.As(err, new(*rotation.ExhaustedError)), "%v", err)
		require.False(t, had, "exhausted although it has one")
		require.Empty(t, free, "exhausted although one is ready")
		return
	}
	m.holds[p], m.had[p] = h.Label, h
	if p%2 == 0 {
		require.Less(t, m.now().Sub(h.Used), time.Hour, "the use was to be written down")
	}
	if had && old == h.Label {
		rested := m.left[p].IsZero() || m.now().Sub(m.left[p]) >= 15*time.Minute
		if m.ahead > 0 && rested && m.used(old) >= m.ahead {
			require.Empty(t, below, "it was to leave, and could")
		}
		return
	}
	if had {
		require.NotZero(t, m.ahead, "it had a usable account and was moved")
		require.GreaterOrEqual(t, m.used(old), m.ahead, "it left too soon")
		require.Contains(t, below, h.Label)
		if at, ok := m.left[p]; ok {
			require.GreaterOrEqual(t, m.now().Sub(at), 15*time.Minute, "moved again and again")
		}
		m.left[p] = m.now()
	}
	require.Contains(t, free, h.Label, "it was handed out although it is out")
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

// report checks as acquire does, but that nobody leaves ahead by it.
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

// usage tells of the monthly window, while no cooldown of a window is there to be corrected by it.
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

// kept is the reset as the pool keeps it: the same one is not moved by a second.
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
