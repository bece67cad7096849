package rotation

import (
	"time"

	"ocgo-key/rotation/state"
)

// windowNames are the windows as /usage names them, from the shortest.
var windowNames = []string{"rolling", "weekly", "monthly"}

// windowLengths are how long what was used of a window can count at most.
var windowLengths = map[string]time.Duration{"rolling": 5 * time.Hour, "weekly": 7 * 24 * time.Hour, "monthly": 31 * 24 * time.Hour}

const (
	// maxPercent bounds what is kept of a percentage.
	maxPercent = 1000
	// unknownReset is how long a window counts as used up where the service does not say when it is
	// reset.
	unknownReset = 5 * time.Minute
	// sameNumbers is how old the same numbers get before it is written down that they are still the
	// same.
	sameNumbers = time.Minute
)

// known is u as it is kept: the windows that are known by name, with times by our clock, and
// nothing that makes no sense. It is nil where u says nothing.
func (u Usage) known(now time.Time) *state.Usage {
	clock := u.At
	if clock.IsZero() {
		clock = now
	}
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

// learned is what is to be kept, of the old usage and the new: the old itself where the new has
// nothing to add.
func learned(old, fresh *state.Usage) *state.Usage {
	if old == nil || fresh == nil {
		if fresh == nil {
			return old
		}
		return fresh
	}
	same := len(old.Windows) == len(fresh.Windows)
	for name, w := range fresh.Windows {
		o, ok := old.Windows[name]
		if ok && o.ResetsAt.IsZero() == w.ResetsAt.IsZero() && w.ResetsAt.Sub(o.ResetsAt).Abs() < sameMoment {
			w.ResetsAt = o.ResetsAt // the same reset: the service's clock shows whole seconds
			fresh.Windows[name] = w
		}
		same = same && ok && o == w
	}
	if same && fresh.At.Sub(old.At) < sameNumbers {
		return old
	}
	return fresh
}

// rebasedUsage moves what was learned in the future to now: the clock was set back since.
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

// over reports whether the window has been reset since u was learned.
func over(u *state.Usage, name string, now time.Time) bool {
	if resets := u.Windows[name].ResetsAt; !resets.IsZero() {
		return !now.Before(resets)
	}
	return now.Sub(u.At) >= windowLengths[name]
}

// withRoom is u if there is room in all of its windows, else nil.
func withRoom(u *state.Usage) *state.Usage {
	if u == nil {
		return nil
	}
	for _, w := range u.Windows {
		if full(w) {
			return nil
		}
	}
	return u
}

func full(w state.Window) bool { return w.Status == statusLimited || w.Percent >= 100 }

// usedUp is the limit that an account is at by the service's last word, with the latest of the
// resets; the zero Verdict where there is room in all windows.
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

// Fill is how far an account has used its fullest window.
type Fill struct {
	Percent int
	Window  string    // "5 hour", "weekly", "monthly"; empty where nothing is known to be used
	Until   time.Time // when it is reset; zero if that is not known
}

// fill is that of the account by the service's last word. What is not known, and what was reset
// since, is not used.
func fill(a *state.Account, now time.Time) Fill {
	var f Fill
	u := rebasedUsage(a.Usage, now)
	if u == nil {
		return f
	}
	for _, name := range windowNames {
		w, ok := u.Windows[name]
		if !ok || over(u, name, now) {
			continue
		}
		percent := w.Percent
		if w.Status == statusLimited {
			percent = max(percent, 100)
		}
		if percent > f.Percent || percent == f.Percent && percent > 0 && w.ResetsAt.After(f.Until) {
			f = Fill{Percent: percent, Window: limitNames[name], Until: w.ResetsAt}
		}
	}
	return f
}
