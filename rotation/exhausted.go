package rotation

import (
	"fmt"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// ExhaustedError means that no account can be handed out now.
type ExhaustedError struct {
	Account string    // label of the account that is back soonest; empty if none comes back by itself
	Until   time.Time // when it is; zero if none comes back by itself
	Reason  string    // why it is out: "weekly limit"
	Window  string    // the usage window that is used up, if that is why: "weekly"
	Cooling int       // how many accounts come back by themselves
	Off     int       // how many are disabled or rejected
}

func (e *ExhaustedError) Error() string {
	if e.Until.IsZero() {
		return "every account is rejected or disabled"
	}
	back := e.Account + " is back first,"
	if e.Cooling == 1 {
		back = "it is back"
	}
	return text.Line(fmt.Sprintf("%s; %s %s (%s)", e.who("all"), back, e.Until.Local().Format(farLayout), e.Reason))
}

// Sentences is Error for a person who works with a client, as full sentences: "All 3 accounts are
// used up. Work is back first, Thu 02:43."
func (e *ExhaustedError) Sentences(now time.Time) string {
	if e.Until.IsZero() {
		return "Every account is rejected or disabled."
	}
	layout := farLayout
	if e.Until.Sub(now) < 6*24*time.Hour {
		layout = "Mon 15:04"
	}
	back := e.Account + " is back first,"
	if e.Cooling == 1 {
		back = "It is back"
	}
	return text.Line(fmt.Sprintf("%s. %s %s.", e.who("All"), back, e.Until.Local().Format(layout)))
}

const farLayout = "Mon 2 Jan 15:04"

// who says what became of the accounts; all is the word that it begins with.
func (e *ExhaustedError) who(all string) string {
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

// exhausted says which account is back first, of those that were all out at this moment.
func exhausted(s *state.State, model string, now time.Time) *ExhaustedError {
	e := &ExhaustedError{}
	cooling, off := 0, 0
	for i := range s.Accounts {
		a := &s.Accounts[i]
		c := condition(a, model, now)
		if c.State != Cooling {
			off++
			continue
		}
		cooling++
		if e.Until.IsZero() || c.Until.Before(e.Until) {
			e.Account, e.Until, e.Reason, e.Window = a.Label, c.Until, c.Reason, c.Window
		}
	}
	e.Cooling, e.Off = cooling, off
	return e
}
