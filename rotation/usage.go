package rotation

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// Usage is what the service says an account has used: the answer of its endpoint /usage.
// Source: docs/facts.md, "Usage".
type Usage struct {
	Workspace string // id; may be empty
	User      string // id; may be empty
	Windows   map[string]Window
	// At is the service's own clock when it answered, to which ResetsAt belongs; zero if it did not
	// tell.
	At time.Time
	// Asked is when the question was asked, by our clock: an answer is as old as that. Zero is just
	// now.
	Asked time.Time
}

// Window is one of the three usage limits, named rolling (5 hours), weekly and monthly.
type Window struct {
	Status   string    `json:"status"`  // "ok" or "rate-limited"
	Percent  int       `json:"percent"` // used, a whole number
	ResetsAt time.Time `json:"resetsAt"`
}

// ParseUsage reads the body of /usage.
func ParseUsage(body []byte) (Usage, error) {
	var raw struct {
		Workspace string            `json:"workspaceID"`
		User      string            `json:"userID"`
		Usage     map[string]Window `json:"usage"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return Usage{}, err
	}
	return Usage{Workspace: text.OneLineOr(raw.Workspace, ""), User: text.OneLineOr(raw.User, ""), Windows: raw.Usage}, nil
}

// limitNames are the windows as limits name them.
var limitNames = map[string]string{"rolling": "5 hour", "weekly": "weekly", "monthly": "monthly"}

// Words of a window's status.
const (
	statusOK      = "ok"
	statusLimited = "rate-limited"
)

// UnmarshalJSON takes a percentage with a fraction as well: one such number is no reason to do
// without the others.
func (w *Window) UnmarshalJSON(data []byte) error {
	type plain Window
	read := struct {
		*plain
		Percent float64 `json:"percent"`
	}{plain: (*plain)(w)}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	w.Percent = int(min(max(read.Percent, 0), maxPercent))
	return nil
}

func (w Window) limited() bool { return w.Status == statusLimited || w.Percent >= 100 }

// limit is the verdict that follows from the windows that are used up: the account is out until the
// last of them is reset, by our clock. Not limited means that there is room in all.
func (u Usage) limit(now time.Time) (v Verdict, limited bool) {
	clock := u.At
	if clock.IsZero() {
		clock = now
	}
	for name, w := range u.Windows {
		if !w.limited() {
			continue
		}
		limited = true
		wait, ok := bounded(w.ResetsAt.Sub(clock).Seconds())
		if until := now.Add(wait); ok && until.After(v.Until) {
			v = windowVerdict(limitNames[name], until)
		}
	}
	return v, limited
}

// settling is how long after a limit the service may not count it yet in its usage.
const settling = 30 * time.Second

// Learn takes in what the service says an account has used: the numbers are kept, and an account
// that is used up is not handed out to a process that does not have it already.
//
// It also puts right the end of a cooldown that came from a usage window: a 429 names only the
// first window that is used up, and the account is back when the last of them is reset. Where there
// is room in all of them again, the cooldown ends. Nothing is written where nothing that matters
// changed, since every process looks at what is.
func (p *Records) Learn(ctx context.Context, h Handout, u Usage) error {
	return p.update(ctx, func(s *state.State) error {
		a, now := s.Find(h.ID), p.now()
		if a == nil || a.KeyRev != h.KeyRev {
			return errUnchanged
		}
		if a.Usage != nil && !u.Asked.IsZero() && a.Usage.At.After(u.Asked) {
			return errUnchanged // the answer to a later question was quicker
		}
		before, changed := condition(a, "", now), false
		if u.Workspace != "" && a.Workspace != u.Workspace || u.User != "" && a.User != u.User {
			a.Workspace, a.User, changed = u.Workspace, u.User, true
		}
		if keep := learned(a.Usage, u.known(now)); keep != a.Usage {
			a.Usage, changed = keep, true
		}
		if !correct(a, u, now) {
			if after := condition(a, "", now); before.State == Ready && after.State == Cooling {
				s.Note(state.Event{Time: now, Kind: "used-up", Account: a.Label, Reason: after.Reason, Until: after.Until})
			}
			if changed {
				return nil
			}
			return errUnchanged
		}
		if c := condition(a, "", now); c.State == Cooling {
			s.Note(state.Event{Time: now, Kind: "corrected", Account: a.Label, Reason: c.Reason, Until: c.Until})
		} else {
			s.Note(state.Event{Time: now, Kind: "back", Account: a.Label, Reason: "there is room again"})
		}
		return nil
	})
}

// correct replaces the cooldowns that came from usage windows by the one that follows from u.
func correct(a *state.Account, u Usage, now time.Time) (changed bool) {
	var old *state.Cooldown // the one that ends last
	for i, c := range a.Cooldowns {
		if c.Window != "" && now.Before(c.Until) && (old == nil || c.Until.After(old.Until)) {
			old = &a.Cooldowns[i]
		}
	}
	v, limited := u.limit(now)
	switch {
	case old == nil || len(u.Windows) == 0:
		return false
	case limited && (v.Until.IsZero() || v.Until.Sub(old.Until).Abs() < sameMoment):
		return false
	case !limited && now.Sub(old.Since) < settling:
		return false
	}
	since, paid := old.Since, spending(a, now)
	a.Cooldowns = slices.DeleteFunc(a.Cooldowns, func(c state.Cooldown) bool { return c.Window != "" })
	if limited {
		if paid { // that it spends money stays true up to its reset
			v.Window = OverageWindow
		}
		a.Cooldowns = append(a.Cooldowns, state.Cooldown{Since: since, Until: v.Until, Reason: v.Reason, Window: v.Window})
	}
	return true
}

// spending reports whether an answer for the account was paid from its balance, and its limits are
// not reset since.
func spending(a *state.Account, now time.Time) bool {
	return slices.ContainsFunc(a.Cooldowns, func(c state.Cooldown) bool {
		return c.Window == OverageWindow && now.Before(rebased(c, now).Until)
	})
}
