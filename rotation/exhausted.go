package rotation

import (
	"fmt"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// ExhaustedError means that no account is ready.
type ExhaustedError struct {
	Account string    // label of the account whose cooldown ends first; empty if none is cooling
	Until   time.Time // when that cooldown ends; zero if none is cooling
	Reason  string    // why it is cooling: "weekly limit"
	Window  string    // the used-up window, if that is the reason: "weekly"
	Cooling int       // number of accounts in cooldown
	Off     int       // number of accounts that are disabled or rejected
}

func (e *ExhaustedError) Error() string {
	if e.Until.IsZero() {
		return "every account is rejected or disabled"
	}
	back := e.Account + " is back first,"
	if e.Cooling == 1 {
		back = "it is back"
	}
	return text.Line(fmt.Sprintf("%s; %s %s (%s)", e.usedUp("all"), back, e.Until.Local().Format(dateLayout), e.Reason))
}

// Sentences returns the error as full sentences for the user of a client: "All 3 accounts are used
// up. Work is back first, Thu 02:43."
func (e *ExhaustedError) Sentences(now time.Time) string {
	if e.Until.IsZero() {
		return "Every account is rejected or disabled."
	}
	layout := dateLayout
	if e.Until.Sub(now) < 6*24*time.Hour {
		layout = "Mon 15:04"
	}
	back := e.Account + " is back first,"
	if e.Cooling == 1 {
		back = "It is back"
	}
	return text.Line(fmt.Sprintf("%s. %s %s.", e.usedUp("All"), back, e.Until.Local().Format(layout)))
}

const dateLayout = "Mon 2 Jan 15:04"

// usedUp says which accounts are used up. all is "all", or "All" at the start of a sentence.
func (e *ExhaustedError) usedUp(all string) string {
	switch {
	case e.Off > 0 && e.Cooling == 1:
		return e.Account + " is used up, and no other account is enabled"
	case e.Off > 0:
		return fmt.Sprintf("%s %d enabled accounts are used up", all, e.Cooling)
	case e.Cooling == 1:
		return e.Account + " is used up"
	}
	return fmt.Sprintf("%s %d accounts are used up", all, e.Cooling)
}

// exhausted returns the error for a holder that gets no account, because none is ready. If the holder
// takes only the chosen account, the error is about that account.
func exhausted(s *state.State, ask Ask, now time.Time) *ExhaustedError {
	e := &ExhaustedError{}
	for i := range s.Accounts {
		a := &s.Accounts[i]
		if !ask.Choice.allows(a) {
			continue
		}
		c := condition(a, ask.Model, now)
		if c.State != Cooling {
			e.Off++
			continue
		}
		e.Cooling++
		if e.Until.IsZero() || c.Until.Before(e.Until) {
			e.Account, e.Until, e.Reason, e.Window = a.Label, c.Until, c.Reason, c.Window
		}
	}
	return e
}
