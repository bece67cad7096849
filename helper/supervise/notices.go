package supervise

import (
	"fmt"
	"sync"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/report"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// Teller informs the user about events, and about errors with their hints.
type Teller interface {
	report.Reporter
	Failed(err error)
}

// Notices tell the user about the events of a gateway, one line for each.
type Notices struct {
	Tell   Teller
	Silent bool // the command draws on the whole terminal, so nothing else is written there

	modes    *term.State    // the terminal's modes before the command started; nil to print notices at any time
	toasts   string         // the folder of the plugin that shows notices as toasts in OpenCode 2; empty for none
	sleeps   bool           // the client sleeps until the first account is ready
	patience *time.Duration // the longest sleep; nil for as long as it takes

	mu      sync.Mutex
	unsaid  []rotation.Switch       // switches that were not printed
	back    rotation.ExhaustedError // the last notice of when an account is ready
	failure string                  // the last error that was printed
	until   time.Time               // when an account is ready, in the last notice about another model
}

// Observer returns an observer that notifies the user of each event.
func (n *Notices) Observer() gateway.Observer {
	return gateway.Observer{Switched: n.switched, Exhausted: n.exhausted, Failed: n.failed, Instead: n.instead}
}

func (n *Notices) say(format string, args ...any) {
	n.show(opencode.Info, text.Line(fmt.Sprintf(format, args...)))
}

// show prints text, or shows a toast of this variant while the command has the terminal.
func (n *Notices) show(variant, text string) {
	switch {
	case !n.quiet():
		n.Tell.Say("%s", text)
	case n.toasts != "":
		n.mu.Lock()
		defer n.mu.Unlock()
		_ = opencode.WriteNotice(n.toasts, time.Now(), text, variant) // on failure, lastWord still prints switches
	}
}

// quiet reports whether nothing may be written to the terminal: the command is a full-screen
// program, or has changed the terminal's modes as such a program does.
func (n *Notices) quiet() bool { return n.Silent || n.modes.Changed() }

func (n *Notices) switched(sw rotation.Switch) {
	if n.quiet() {
		n.mu.Lock()
		n.unsaid = append(n.unsaid, sw)
		n.mu.Unlock()
	}
	n.say("%s", switchText(sw, time.Now()))
}

// lastWord prints one line about the switches that could not be printed while the command had the
// terminal.
func (n *Notices) lastWord() {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch count := len(n.unsaid); count {
	case 0:
	case 1:
		n.Tell.Say("%s", switchText(n.unsaid[0], time.Now()))
	default:
		n.Tell.Say("%d switches; the last: %s", count, switchText(n.unsaid[count-1], time.Now()))
	}
	n.unsaid = nil
}

// sameReturn is the largest difference between two times that count as equal. The clocks of the
// service and of this machine may differ.
const sameReturn = 90 * time.Second

// exhausted tells the user when an account will be ready, once for each new time.
func (n *Notices) exhausted(_ *gateway.Exchange, e *rotation.ExhaustedError) {
	now := time.Now()
	said := e.Sentences(now)
	if n.sleeps && !e.Until.IsZero() && (n.patience == nil || e.Until.Sub(now) <= *n.patience) {
		said += fmt.Sprintf(" Waiting for it (%s). Ctrl-C stops.", text.In(e.Until.Round(time.Minute), now.Round(time.Minute)))
	}
	n.mu.Lock()
	known := n.back.Account == e.Account && e.Until.Sub(n.back.Until).Abs() < sameReturn
	n.back = *e
	n.mu.Unlock()
	if !known {
		n.say("%s", said)
	}
}

// instead notifies the user that requests go to another model, once for each new time at which an
// account will be ready.
func (n *Notices) instead(e *rotation.ExhaustedError, model string) {
	n.mu.Lock()
	known := e.Until.Sub(n.until).Abs() < sameReturn
	n.until = e.Until
	n.mu.Unlock()
	if !known {
		n.say("%s Continuing on %s until then.", e.Sentences(time.Now()), model)
	}
}

// failed prints an error once, although clients retry.
func (n *Notices) failed(err error) {
	n.mu.Lock()
	known := n.failure == err.Error()
	n.failure = err.Error()
	n.mu.Unlock()
	switch {
	case known:
	case n.quiet():
		n.show(opencode.Failure, text.Line(err.Error()))
	default:
		n.Tell.Failed(err)
	}
}

// switchText returns the line for a switch: "Work hit its weekly limit (back Mon 09:00); now Personal".
func switchText(sw rotation.Switch, now time.Time) string {
	return text.Line(switchSentence(sw, now))
}

// switchSentence is switchText with the labels unchanged: they may contain control characters.
func switchSentence(sw rotation.Switch, now time.Time) string {
	v := sw.Verdict
	what := "hit a rate limit"
	switch {
	case sw.Cause == rotation.ByHand:
		return fmt.Sprintf("%s was set aside; now %s", sw.From.Label, sw.To.Label)
	case sw.Cause == rotation.Ahead && v.Until.IsZero():
		return fmt.Sprintf("%s is at %d %% of its %s; now %s", sw.From.Label, sw.Percent, v.Reason, sw.To.Label)
	case sw.Cause == rotation.Ahead:
		what = fmt.Sprintf("is at %d %% of its %s", sw.Percent, v.Reason)
	case v.Action == rotation.Pass:
		return fmt.Sprintf("%s got no answer in time; now %s", sw.From.Label, sw.To.Label)
	case v.Action == rotation.Reject:
		return fmt.Sprintf("%s was refused (%s); now %s", sw.From.Label, v.Reason, sw.To.Label)
	case v.Window == rotation.OverageWindow:
		return fmt.Sprintf("%s is past its limits, and %s; now %s", sw.From.Label, v.Reason, sw.To.Label)
	case v.Window != "":
		what = "hit its " + v.Reason
	case v.Model != "":
		what = "hit the " + v.Reason
	case v.Reason != rotation.TooMany:
		what = "is out of use: " + v.Reason
	}
	return fmt.Sprintf("%s %s (back %s); now %s", sw.From.Label, what, text.Clock(v.Until, now), sw.To.Label)
}
