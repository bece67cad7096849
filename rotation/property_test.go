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

// TestFairness: whatever the size of the pool, hand-outs to new processes differ by at most one between accounts.
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

// TestPoolMachine plays commands, limits and time against a pool and checks after each step what must always hold:
// an account that cools, is rejected or disabled is not handed out; a process keeps its account as long as that can
// be used, so that it never jumps back; and exhaustion is claimed only when it is true.
func TestPoolMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		labels := []string{"A", "B", "C", "D"}[:rapid.IntRange(1, 4).Draw(t, "accounts")]
		w := newWorld(t, labels...)
		ctx := context.Background()
		coolUntil, out, holds := map[string]time.Time{}, map[string]bool{}, map[int]string{}
		usable := func(label string) bool { return !out[label] && !w.now().Before(coolUntil[label]) }
		anyUsable := func() bool {
			for _, l := range labels {
				if usable(l) {
					return true
				}
			}
			return false
		}
		pid := rapid.IntRange(1, 5)
		account := rapid.IntRange(0, len(labels)-1)
		check := func(t *rapid.T, p int, h rotation.Handout, err error) {
			if err != nil {
				require.True(t, errors.As(err, new(*rotation.ExhaustedError)), "%v", err)
				require.False(t, anyUsable(), "exhausted although one is ready")
				return
			}
			require.True(t, usable(h.Label), "%s was handed out although it is out", h.Label)
			if old, ok := holds[p]; ok && usable(old) {
				require.Equal(t, old, h.Label, "it had a usable account and was moved")
			}
			holds[p] = h.Label
		}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				p := pid.Draw(t, "pid")
				h, err := w.Acquire(ctx, proc(p), rotation.Ask{})
				check(t, p, h, err)
			},
			"limit": func(t *rapid.T) {
				p, i := pid.Draw(t, "pid"), account.Draw(t, "account")
				d := time.Duration(rapid.IntRange(10, 1000).Draw(t, "seconds")) * time.Second
				until := w.now().Add(d)
				if until.After(coolUntil[labels[i]].Add(2*time.Second)) || !w.now().Before(coolUntil[labels[i]]) {
					coolUntil[labels[i]] = until
				}
				v := rotation.Verdict{Action: rotation.Cool, Until: until, Reason: "weekly limit", Window: "weekly"}
				h, _, err := w.Report(ctx, proc(p), rotation.Handout{ID: fmt.Sprint("id", i)}, v, rotation.Ask{})
				check(t, p, h, err)
			},
			"reject": func(t *rapid.T) {
				p, i := pid.Draw(t, "pid"), account.Draw(t, "account")
				out[labels[i]] = true
				h, _, err := w.Report(ctx, proc(p), rotation.Handout{ID: fmt.Sprint("id", i)}, rotation.Verdict{Action: rotation.Reject, Reason: "AuthError"}, rotation.Ask{})
				check(t, p, h, err)
			},
			"disable": func(t *rapid.T) {
				i := account.Draw(t, "account")
				out[labels[i]] = true
				require.NoError(t, w.Disable(ctx, fmt.Sprint("id", i)))
			},
			"enable": func(t *rapid.T) {
				i := account.Draw(t, "account")
				out[labels[i]] = false
				delete(coolUntil, labels[i])
				require.NoError(t, w.Enable(ctx, fmt.Sprint("id", i)))
			},
			"time": func(t *rapid.T) {
				w.pass(time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second)
			},
			"die": func(t *rapid.T) {
				p := pid.Draw(t, "pid")
				delete(holds, p)
				require.NoError(t, w.Release(ctx, proc(p)))
			},
		})
	})
}
