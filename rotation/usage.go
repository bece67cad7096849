package rotation

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// Usage is the service's answer to /usage for one account. Source: docs/facts.md, "Usage".
type Usage struct {
	Workspace string // id; may be empty
	User      string // id; may be empty
	Windows   map[string]Window
	// At is the time of the answer by the service's clock, as in ResetsAt; zero if unknown.
	At time.Time
	// Asked is the time of the request by the local clock; zero means now.
	Asked time.Time
}

// Window is the usage of one of the three windows: rolling (5 hours), weekly, monthly.
type Window struct {
	Status   string    `json:"status"`  // "ok" or "rate-limited"
	Percent  int       `json:"percent"` // used; a whole number
	ResetsAt time.Time `json:"resetsAt"`
}

// ParseUsage parses the body of an answer to /usage.
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

// limitNames maps the names of the windows in /usage to their names in error messages.
var limitNames = map[string]string{"rolling": "5 hour", "weekly": "weekly", "monthly": "monthly"}

// The values of a window's status.
const (
	statusOK      = "ok"
	statusLimited = "rate-limited"
)

// UnmarshalJSON also accepts a percentage with a fraction. Otherwise it would make the whole answer
// unreadable.
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

// limit returns the verdict for the used-up windows of u: a cooldown until the last of them is
// reset, by the local clock. limited is false if no window is used up.
func (u Usage) limit(now time.Time) (v Verdict, limited bool) {
	clock := cmp.Or(u.At, now)
	for name, w := range u.Windows {
		if !full(state.Window(w)) {
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

// usageDelay is the time after a 429 in which /usage may still show the window as not used up.
const usageDelay = 30 * time.Second

// Learn stores the usage of an account. After that, an account with a used-up window is not handed
// out to new holders.
//
// Learn also corrects the cooldown for a usage window. A 429 names only the first used-up window,
// but the account is ready only when all used-up windows are reset. If no window is used up any
// more, the cooldown ends. Learn writes nothing if only the time of the usage changed.
func (p *Records) Learn(ctx context.Context, h Handout, u Usage) error {
	return p.update(ctx, func(s *state.State) error {
		a, now := s.Find(h.ID), p.now()
		if a == nil || a.KeyRev != h.KeyRev {
			return errUnchanged
		}
		if a.Usage != nil && !u.Asked.IsZero() && a.Usage.At.After(u.Asked) {
			return errUnchanged // the answer to a later request is already stored
		}
		before, changed := condition(a, "", now), false
		if u.Workspace != "" && a.Workspace != u.Workspace || u.User != "" && a.User != u.User {
			a.Workspace, a.User, changed = u.Workspace, u.User, true
		}
		known := a.Usage.Decode()
		if keep := newer(known, u.stored(now)); keep != known {
			a.Usage, changed = keep.Stored(), true
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
			if c.Reason == before.Reason && c.Until.Sub(before.Until).Abs() < time.Minute {
				return nil // the history shows minutes, so the event would say nothing new
			}
			s.Note(state.Event{Time: now, Kind: "corrected", Account: a.Label, Reason: c.Reason, Until: c.Until})
		} else {
			s.Note(state.Event{Time: now, Kind: "back", Account: a.Label, Reason: "no usage window is used up"})
		}
		return nil
	})
}

// correct replaces the cooldowns for usage windows by one that is computed from u, if any.
func correct(a *state.Account, u Usage, now time.Time) (changed bool) {
	var old *state.Cooldown // the longest cooldown for a usage window
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
	case !limited && now.Sub(old.Since) < usageDelay:
		return false
	}
	since, paid := old.Since, spendsMoney(a, now)
	a.Cooldowns = slices.DeleteFunc(a.Cooldowns, func(c state.Cooldown) bool { return c.Window != "" })
	if limited {
		if paid { // the account spends money until its windows are reset
			v.Window = OverageWindow
		}
		a.Cooldowns = append(a.Cooldowns, state.Cooldown{Since: since, Until: v.Until, Reason: v.Reason, Window: v.Window})
	}
	return true
}

// spendsMoney reports whether an answer was paid from the account's balance since its windows were
// last reset.
func spendsMoney(a *state.Account, now time.Time) bool {
	return slices.ContainsFunc(a.Cooldowns, func(c state.Cooldown) bool {
		return c.Window == OverageWindow && now.Before(rebased(c, now).Until)
	})
}
