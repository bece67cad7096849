package rotation

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// windowNames are the names of the windows in /usage, the shortest window first.
var windowNames = []string{"rolling", "weekly", "monthly"}

// windowLengths are the maximum lengths of the windows.
var windowLengths = map[string]time.Duration{"rolling": 5 * time.Hour, "weekly": 7 * 24 * time.Hour, "monthly": 31 * 24 * time.Hour}

const (
	// maxPercent is the largest percentage that is stored.
	maxPercent = 1000
	// unknownReset is how long a window counts as used up if the service does not say when it is
	// reset.
	unknownReset = 5 * time.Minute
	// unchangedInterval is the minimum time between two writes of the same usage.
	unchangedInterval = time.Minute
)

// stored returns u as the state stores it: only known windows and valid values, with times by the
// local clock. It returns nil if u has no known window.
func (u Usage) stored(now time.Time) *state.Usage {
	clock := cmp.Or(u.At, now)
	k := &state.Usage{At: now, Windows: make(map[string]state.Window)}
	if !u.Asked.IsZero() && u.Asked.Before(now) {
		k.At = u.Asked
	}
	for _, name := range windowNames {
		w, ok := u.Windows[name]
		if !ok {
			continue
		}
		kept := state.Window{Percent: min(max(w.Percent, 0), maxPercent)}
		if w.Status == statusOK || w.Status == statusLimited {
			kept.Status = w.Status
		}
		if wait := w.ResetsAt.Sub(clock); !w.ResetsAt.IsZero() && wait > 0 && wait <= maxCooldown {
			kept.ResetsAt = now.Add(wait)
		}
		k.Windows[name] = kept
	}
	if len(k.Windows) == 0 {
		return nil
	}
	return k
}

// newer returns the usage to store: fresh, or old if fresh is nil. It also returns old if the
// numbers are the same and fresh is less than unchangedInterval later.
func newer(old, fresh *state.Usage) *state.Usage {
	if old == nil || fresh == nil {
		return cmp.Or(fresh, old)
	}
	same := len(old.Windows) == len(fresh.Windows)
	for name, w := range fresh.Windows {
		o, ok := old.Windows[name]
		if ok && o.ResetsAt.IsZero() == w.ResetsAt.IsZero() && w.ResetsAt.Sub(o.ResetsAt).Abs() < sameMoment {
			w.ResetsAt = o.ResetsAt // the same reset: times of the service are whole seconds
			fresh.Windows[name] = w
		}
		same = same && ok && o == w
	}
	if same && fresh.At.Sub(old.At) < unchangedInterval {
		return old
	}
	return fresh
}

// rebasedUsage returns u. If the clock was set back, u may be from the future. Then rebasedUsage
// moves all its times so that u is from now.
func rebasedUsage(u *state.Usage, now time.Time) *state.Usage {
	if u == nil || !u.At.After(now) {
		return u
	}
	moved := &state.Usage{At: now, Windows: make(map[string]state.Window, len(u.Windows))}
	for name, w := range u.Windows {
		if !w.ResetsAt.IsZero() {
			w.ResetsAt = w.ResetsAt.Add(now.Sub(u.At))
		}
		moved.Windows[name] = w
	}
	return moved
}

// wasReset reports whether the window has been reset since u was stored.
func wasReset(u *state.Usage, name string, now time.Time) bool {
	if resets := u.Windows[name].ResetsAt; !resets.IsZero() {
		return !now.Before(resets)
	}
	return now.Sub(u.At) >= windowLengths[name]
}

// unlessUsedUp returns u, or nil if one of its windows is used up.
func unlessUsedUp(u *state.Usage) *state.Usage {
	if u != nil && slices.ContainsFunc(slices.Collect(maps.Values(u.Windows)), full) {
		return nil
	}
	return u
}

// full reports whether the window is used up.
func full(w state.Window) bool { return w.Status == statusLimited || w.Percent >= 100 }

// usedUp returns the verdict for the used-up window of u that is reset last, or the zero Verdict if
// no window is used up.
func usedUp(u *state.Usage, now time.Time) Verdict {
	var v Verdict
	if u = rebasedUsage(u, now); u == nil {
		return v
	}
	for _, name := range windowNames {
		w, ok := u.Windows[name]
		if !ok || !full(w) {
			continue
		}
		until := w.ResetsAt
		if until.IsZero() {
			until = u.At.Add(unknownReset)
		}
		if now.Before(until) && until.After(v.Until) {
			v = windowVerdict(limitNames[name], until)
		}
	}
	return v
}

// windowFill is the usage of an account's fullest window.
type windowFill struct {
	Percent int
	Window  string    // "5 hour", "weekly", "monthly"; empty if nothing is used, or the usage is unknown
	Until   time.Time // when the window is reset; zero if unknown
}

// fill returns the usage of the account's fullest window. A window counts as 0 % if its usage is
// unknown or older than its last reset.
func fill(a *state.Account, now time.Time) windowFill {
	var f windowFill
	u := rebasedUsage(a.Usage.Decode(), now)
	if u == nil {
		return f
	}
	for _, name := range windowNames {
		w, ok := u.Windows[name]
		if !ok || wasReset(u, name, now) {
			continue
		}
		percent := w.Percent
		if w.Status == statusLimited {
			percent = max(percent, 100)
		}
		if percent > f.Percent || percent == f.Percent && percent > 0 && w.ResetsAt.After(f.Until) {
			f = windowFill{Percent: percent, Window: limitNames[name], Until: w.ResetsAt}
		}
	}
	return f
}
