package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// picture is the pool as `status` shows it: some lines for each account, and what is said below them. It follows
// from the pool, the time and the look alone.
type picture struct {
	accounts [][]string
	foot     []string
}

func (p picture) String() string {
	var b strings.Builder
	for _, lines := range append(slices.Clone(p.accounts), p.foot) {
		b.WriteString(strings.Join(lines, "\n") + "\n\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// windowNames are the windows in their order, and as people call them.
var windowNames = []struct{ name, words string }{{"rolling", "5 hours"}, {"weekly", "week"}, {"monthly", "month"}}

// Measures of the picture, in columns.
const (
	narrow      = 60 // below this, lines are cut short to what matters most
	mostBar     = 40
	leastBar    = 4
	nameWidth   = 7  // "5 hours"
	shareWidth  = 5  // "100 %"
	resetWidth  = 35 // "resets in 6 days 23 h, 29 Nov 20:41"
	resetNarrow = 14 // "in 6 days 23 h"
)

// draw makes the picture.
func draw(o rotation.Overview, now time.Time, l look) picture {
	p := picture{accounts: make([][]string, len(o.Accounts))}
	digits := len(fmt.Sprint(len(o.Accounts)))
	for i, v := range o.Accounts {
		p.accounts[i] = drawAccount(v, v.Label == o.Next, digits, now, l)
	}
	for _, sentence := range []string{nextText(o, now) + " " + strategyText(o.Settings), ageText(o, now)} {
		p.foot = append(p.foot, l.wrap(sentence, l.width)...)
	}
	return p
}

func drawAccount(v rotation.View, next bool, digits int, now time.Time, l look) []string {
	mark, words := " ", conditionText(v.Condition, now)
	if next {
		mark, words = ">", words+", next"
	}
	head := fmt.Sprintf("%s %*d  ", mark, digits, v.Number)
	indent := strings.Repeat(" ", len(head))
	label := l.fit(text.OneLine(v.Label), l.width-len(head))
	tone := conditionStyle(v.Condition)
	lines := []string{l.paint(bold, head+label)}
	if columns(head+label)+2+columns(words) <= l.width {
		lines[0] += "  " + l.paint(tone, words)
	} else {
		for _, line := range l.wrap(words, l.width-len(indent)) {
			lines = append(lines, indent+l.paint(tone, line))
		}
	}
	if l.width < narrow {
		indent = "  "
	}
	if v.Usage == nil {
		lines = append(lines, indent+"usage: not asked yet")
	} else {
		for _, w := range windowNames {
			name := fmt.Sprintf("%s%-*s%s", indent, nameWidth, w.words, l.gap())
			bar := l.fit("not reported by the service", l.width-len(name))
			if window, told := v.Usage.Windows[w.name]; told {
				bar = drawWindow(window, now, l, l.width-len(name))
			}
			lines = append(lines, name+bar)
		}
	}
	if by := heldBy(v, now, "%s (%d) since %s"); len(by) > 0 {
		for _, line := range l.wrap("held by "+strings.Join(by, ", "), l.width-len(indent)) {
			lines = append(lines, indent+line)
		}
	}
	return lines
}

// drawWindow is a window's bar, share and reset, in n columns.
func drawWindow(w rotation.KnownWindow, now time.Time, l look, n int) string {
	over := !w.ResetsAt.IsZero() && !w.ResetsAt.After(now)
	reset, room := resetText(w, now), resetWidth
	if l.width < narrow {
		reset, room = resetShort(w, now), resetNarrow
	}
	percent, share := w.Percent, fmt.Sprintf("%d %%", w.Percent)
	if over { // what was used since is not known
		percent, share = 0, "?"
	}
	bar := drawBar(percent, min(max(n-shareWidth-room-4, leastBar), mostBar), l.utf8)
	said := strings.TrimRight(fmt.Sprintf("%s%*s  %s", l.gap(), shareWidth, share, reset), " ")
	return l.paint(barStyle(w, over), bar) + l.fit(said, n-columns(bar))
}

// gap is what is between a bar and what is beside it.
func (l look) gap() string {
	if l.width < narrow {
		return " "
	}
	return "  "
}

// drawBar reads without colour: empty and full look different, and only nothing and all are quite so.
func drawBar(percent, n int, utf8 bool) string {
	full, rest := "#", "."
	if utf8 {
		full, rest = "█", "░"
	}
	filled := (percent*n + 50) / 100
	switch {
	case percent <= 0:
		filled = 0
	case percent >= 100:
		filled = n
	default:
		filled = min(max(filled, 1), n-1)
	}
	return strings.Repeat(full, filled) + strings.Repeat(rest, n-filled)
}

// fewLeft is at how many percent used a bar begins to warn.
const fewLeft = 75

func barStyle(w rotation.KnownWindow, over bool) style {
	switch {
	case over:
		return faint
	case w.Percent >= 100 || w.Status == "rate-limited":
		return red
	case w.Percent >= fewLeft:
		return yellow
	}
	return green
}

func conditionStyle(c rotation.Condition) style {
	switch c.State {
	case rotation.Ready:
		return green
	case rotation.Cooling:
		return yellow
	case rotation.Rejected:
		return red
	}
	return faint
}

// resetText is "resets in 2 h 10 min, 17:30"; for a window that was reset since the service was asked, what it was.
func resetText(w rotation.KnownWindow, now time.Time) string {
	switch {
	case w.ResetsAt.IsZero():
		return "reset time unknown"
	case !w.ResetsAt.After(now):
		return fmt.Sprintf("was %d %% until %s", w.Percent, text.Clock(w.ResetsAt, now))
	}
	return fmt.Sprintf("resets %s, %s", text.In(w.ResetsAt, now), text.Clock(w.ResetsAt, now))
}

func resetShort(w rotation.KnownWindow, now time.Time) string {
	switch {
	case w.ResetsAt.IsZero():
		return ""
	case !w.ResetsAt.After(now):
		return fmt.Sprintf("was %d %%", w.Percent)
	}
	return text.In(w.ResetsAt, now)
}

// mostHolders is how many processes of one account are named.
const mostHolders = 8

// heldBy names the processes that hold the account; each is a command, a pid and a time, in this order. The last one
// is the number of conversations.
func heldBy(v rotation.View, now time.Time, format string) (names []string) {
	leases := v.Leases
	for _, l := range leases[:min(len(leases), mostHolders)] {
		names = append(names, fmt.Sprintf(format, text.OneLine(l.Command), l.PID, text.Clock(l.Since, now)))
	}
	if more := len(leases) - mostHolders; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if v.Conversations > 0 {
		names = append(names, conversations(v))
	}
	return names
}

// nextText returns which account a new process gets.
func nextText(o rotation.Overview, now time.Time) string {
	if o.Next != "" {
		return "Next: " + text.OneLine(o.Next) + "."
	}
	var soonest *rotation.View
	for i, v := range o.Accounts {
		if v.Condition.State == rotation.Cooling && (soonest == nil || v.Condition.Until.Before(soonest.Condition.Until)) {
			soonest = &o.Accounts[i]
		}
	}
	if soonest == nil {
		return "Next: none, and none comes back by itself."
	}
	until := soonest.Condition.Until
	return fmt.Sprintf("Next: none is ready; %s is back first, %s, %s.", text.OneLine(soonest.Label), text.In(until, now), text.Clock(until, now))
}

func strategyText(s rotation.Settings) string {
	text := "Strategy: " + strategyName(s)
	if s.Ahead > 0 {
		text += fmt.Sprintf(", leaving an account at %d %%", s.Ahead)
	}
	return text + "."
}

func strategyName(s rotation.Settings) string {
	return text.OneLine(cmp.Or(s.Strategy, rotation.Strategies()[0]))
}

// ageText says how old the numbers are: those of most accounts, and then which are older.
func ageText(o rotation.Overview, now time.Time) string {
	newest := time.Time{}
	for _, v := range o.Accounts {
		if v.Usage != nil && v.Usage.At.After(newest) {
			newest = v.Usage.At
		}
	}
	if newest.IsZero() {
		return "No numbers yet: the service was not asked."
	}
	said := "Numbers as of " + text.Ago(newest, now)
	for _, v := range o.Accounts {
		if v.Usage != nil && text.Ago(v.Usage.At, now) != text.Ago(newest, now) {
			said += fmt.Sprintf("; %s: %s", text.OneLine(v.Label), text.Ago(v.Usage.At, now))
		}
	}
	return said + "."
}
