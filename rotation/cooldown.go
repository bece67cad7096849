package rotation

import (
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// The states of an account, as `list --json` shows them.
const (
	Ready    = "ready"
	Cooling  = "cooling"
	Rejected = "rejected"
	Disabled = "disabled"
)

// Condition says whether an account is ready, and if not, why and until when.
type Condition struct {
	State  string    // Ready, Cooling, Rejected or Disabled
	Until  time.Time // end of the cooldown; zero unless Cooling
	Reason string    // "weekly limit", "AuthError: …"; empty when Ready or Disabled
	Window string    // the usage window that is used up, if that is the reason
}

// condition returns the condition of account a for a holder that does not have it yet. If model is
// empty, cooldowns of single models are ignored. An account with a used-up window is Cooling.
func condition(a *state.Account, model string, now time.Time) Condition {
	c := limits(a, model, now)
	if c.State != Ready && c.State != Cooling {
		return c
	}
	if v := usedUp(a.Usage.Decode(), now); v.Until.After(c.Until) {
		return Condition{State: Cooling, Until: v.Until, Reason: v.Reason, Window: v.Window}
	}
	return c
}

// limits returns the condition of account a for the holder that has it. Such a holder keeps an
// account with a used-up window until the service answers with a limit.
func limits(a *state.Account, model string, now time.Time) Condition {
	switch {
	case a.Disabled:
		return Condition{State: Disabled}
	case a.Rejected != nil:
		return Condition{State: Rejected, Reason: a.Rejected.Reason}
	}
	c := Condition{State: Ready}
	for _, cd := range a.Cooldowns {
		cd = rebased(cd, now)
		if cd.Model != "" && cd.Model != model || !now.Before(cd.Until) {
			continue
		}
		if cd.Until.After(c.Until) {
			c = Condition{State: Cooling, Until: cd.Until, Reason: cd.Reason, Window: cd.Window}
		}
	}
	return c
}

// rebased returns c. If the clock was set back, c may begin in the future. Then rebased moves it to
// now, with the same length, since the service reports how long a limit lasts.
func rebased(c state.Cooldown, now time.Time) state.Cooldown {
	if c.Until.Before(c.Since) || c.Until.Sub(c.Since) > maxCooldown { // invalid: this program never writes it
		c.Until = c.Since
	}
	if ahead := c.Since.Sub(now); ahead > 0 {
		c.Since, c.Until = now, c.Until.Add(-ahead)
	}
	return c
}

// rebase moves cooldowns and usage that begin in the future to now.
func rebase(s *state.State, now time.Time) {
	for i := range s.Accounts {
		a := &s.Accounts[i]
		if a.Usage != nil && a.Usage.At.After(now) {
			a.Usage = rebasedUsage(a.Usage.Decode(), now).Stored()
		}
		for j, c := range a.Cooldowns {
			a.Cooldowns[j] = rebased(c, now)
		}
	}
}

// beginsInFuture reports whether a cooldown or a usage record of s begins after now.
func beginsInFuture(s *state.State, now time.Time) bool {
	return slices.ContainsFunc(s.Accounts, func(a state.Account) bool {
		return a.Usage != nil && a.Usage.At.After(now) ||
			slices.ContainsFunc(a.Cooldowns, func(c state.Cooldown) bool { return c.Since.After(now) })
	})
}

// maxCooldowns limits the cooldowns of one account. There may be one for each model, and the client
// can send any name of a model.
const maxCooldowns = 64

// sameMoment is the largest difference between two times that count as the same reset. Concurrent
// requests each add the same `retry-after` to their own time of arrival.
const sameMoment = 2 * time.Second

// cool adds the cooldown of the verdict v to account a, and drops cooldowns that have ended. If a
// already has a cooldown for the same limit, fresh is false, and cool only extends that cooldown.
func cool(a *state.Account, v Verdict, now time.Time) (changed, fresh bool) {
	a.Cooldowns = slices.DeleteFunc(a.Cooldowns, func(c state.Cooldown) bool { return !now.Before(c.Until) })
	for i, c := range a.Cooldowns {
		if c.Window == v.Window && c.Model == v.Model && c.Reason == v.Reason {
			if v.Until.Sub(c.Until) < sameMoment {
				return false, false
			}
			a.Cooldowns[i].Until = v.Until
			return true, false
		}
	}
	if len(a.Cooldowns) >= maxCooldowns {
		a.Cooldowns = a.Cooldowns[1:]
	}
	a.Cooldowns = append(a.Cooldowns, state.Cooldown{Since: now, Until: v.Until, Reason: v.Reason, Window: v.Window, Model: v.Model})
	return true, true
}
