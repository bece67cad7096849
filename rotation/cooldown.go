package rotation

import (
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// States of an account, as `list --json` names them.
const (
	Ready    = "ready"
	Cooling  = "cooling"
	Rejected = "rejected"
	Disabled = "disabled"
)

// Condition is whether an account can be handed out, and if not, why and until when.
type Condition struct {
	State  string    // Ready, Cooling, Rejected or Disabled
	Until  time.Time // end of the cooldown; zero unless Cooling
	Reason string    // "weekly limit", "AuthError: …"; empty when Ready or Disabled
	Window string    // the usage window that is used up, if that is the reason
}

// condition of a for a process that might get it, and is about to use model; with model empty only
// what limits the whole account counts. A window that is used up by the service's last word keeps
// it out as a limit does.
func condition(a *state.Account, model string, now time.Time) Condition {
	c := limits(a, model, now)
	if c.State != Ready && c.State != Cooling {
		return c
	}
	if v := usedUp(a.Usage, now); v.Until.After(c.Until) {
		return Condition{State: Cooling, Until: v.Until, Reason: v.Reason, Window: v.Window}
	}
	return c
}

// limits is the condition of a for a process that has it: it may use what is left, up to a real
// limit.
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

// rebased moves a cooldown that began in the future to begin now: the clock was set back since, and
// what the server named was a length of time.
func rebased(c state.Cooldown, now time.Time) state.Cooldown {
	if c.Until.Before(c.Since) || c.Until.Sub(c.Since) > maxCooldown { // nothing that we wrote
		c.Until = c.Since
	}
	if ahead := c.Since.Sub(now); ahead > 0 {
		c.Since, c.Until = now, c.Until.Add(-ahead)
	}
	return c
}

// rebase does so for all cooldowns, and for what is known of usage.
func rebase(s *state.State, now time.Time) {
	for i := range s.Accounts {
		s.Accounts[i].Usage = rebasedUsage(s.Accounts[i].Usage, now)
		for j, c := range s.Accounts[i].Cooldowns {
			s.Accounts[i].Cooldowns[j] = rebased(c, now)
		}
	}
}

// fromTheFuture reports whether a cooldown begins in the future, or usage was learned there.
func fromTheFuture(s *state.State, now time.Time) bool {
	for _, a := range s.Accounts {
		if a.Usage != nil && a.Usage.At.After(now) {
			return true
		}
		for _, c := range a.Cooldowns {
			if c.Since.After(now) {
				return true
			}
		}
	}
	return false
}

// maxCooldowns bounds what is kept for one account: models are many, and their names are the
// client's.
const maxCooldowns = 64

// sameMoment is how far apart the ends of two cooldowns may be and still come from one limit: the
// answers to requests in flight together each count their own `retry-after` from their own arrival.
const sameMoment = 2 * time.Second

// cool adds the cooldown that v asks for, and drops those that are over. A second 429 of the same
// limit makes no fresh one, and changes nothing unless it ends later.
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
