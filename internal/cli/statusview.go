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

// picture is the output of `status`: the lines of each account, and the sentences below them.
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

// windowNames are the windows in the order in which they are shown, with the words for the user.
var windowNames = []struct{ name, words string }{{"rolling", "5 hours"}, {"weekly", "week"}, {"monthly", "month"}}

// The sizes of the picture, in columns.
const (
	narrow      = 60 // below this width, lines are shortened
	maxBar      = 40
	minBar      = 4
	nameWidth   = 7  // "5 hours"
	shareWidth  = 5  // "100 %"
	resetWidth  = 35 // "resets in 6 days 23 h, 29 Nov 20:41"
	resetNarrow = 14 // "in 6 days 23 h"
)

// draw makes the picture.
func draw(o rotation.Overview, now time.Time, l layout) picture {
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

func drawAccount(v rotation.View, next bool, digits int, now time.Time, l layout) []string {
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
		lines = append(lines, indent+"usage: not known yet")
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
	holder := func(l rotation.Lease) string {
		return fmt.Sprintf("%s (%d) since %s", text.OneLine(l.Command), l.PID, text.Clock(l.Since, now))
	}
	if by := heldBy(v, maxHolders, holder); len(by) > 0 {
		for _, line := range l.wrap("held by "+strings.Join(by, ", "), l.width-len(indent)) {
			lines = append(lines, indent+line)
		}
	}
	return lines
}

// drawWindow returns the bar, the percentage and the reset time of a window, in n columns.
func drawWindow(w rotation.KnownWindow, now time.Time, l layout, n int) string {
	over := !w.ResetsAt.IsZero() && !w.ResetsAt.After(now)
	reset, room := resetText(w, now), resetWidth
	if l.width < narrow {
		reset, room = resetShort(w, now), resetNarrow
	}
	percent, share := w.Percent, fmt.Sprintf("%d %%", w.Percent)
	if over { // the usage since the reset is unknown
		percent, share = 0, "?"
	}
	bar := drawBar(percent, min(max(n-shareWidth-room-4, minBar), maxBar), l.utf8)
	said := strings.TrimRight(fmt.Sprintf("%s%*s  %s", l.gap(), shareWidth, share, reset), " ")
	return l.paint(barStyle(w, over), bar) + l.fit(said, n-columns(bar))
}

// gap returns the space on either side of a bar.
func (l layout) gap() string {
	if l.width < narrow {
		return " "
	}
	return "  "
}

// drawBar returns a bar of n characters that is readable without colour. Only 0 percent is
// completely empty, and only 100 percent is completely full.
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

// warnPercent is the used percentage from which a bar is yellow.
const warnPercent = 75

func barStyle(w rotation.KnownWindow, over bool) style {
	switch {
	case over:
		return faint
	case w.Percent >= 100 || w.Status == "rate-limited":
		return red
	case w.Percent >= warnPercent:
		return yellow
	}
	return green
}

func conditionStyle(c rotation.Condition) style {
	return cmp.Or(map[string]style{rotation.Ready: green, rotation.Cooling: yellow, rotation.Rejected: red}[c.State], faint)
}

// resetText returns "resets in 2 h 10 min, 17:30". If the window was reset after the last answer of
// the service, it returns "was 80 % until 17:30".
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

// maxHolders is how many processes of one account are shown.
const maxHolders = 8

// heldBy returns the names of processes that hold the account, and the number of processes beyond
// the limit most. It also returns the number of conversations that hold it.
func heldBy(v rotation.View, most int, name func(rotation.Lease) string) (names []string) {
	for _, l := range v.Leases[:min(len(v.Leases), most)] {
		names = append(names, name(l))
	}
	if more := len(v.Leases) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if v.Conversations > 0 {
		names = append(names, text.Count(v.Conversations, "conversation", "conversations"))
	}
	return names
}

// nextText returns a sentence about the account that a new process gets.
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

// ageText returns a sentence about the age of the newest numbers. It names accounts with older
// numbers.
func ageText(o rotation.Overview, now time.Time) string {
	newest := time.Time{}
	for _, v := range o.Accounts {
		if v.Usage != nil && v.Usage.At.After(newest) {
			newest = v.Usage.At
		}
	}
	if newest.IsZero() {
		return "No numbers are known yet."
	}
	said := "Numbers as of " + text.Ago(newest, now)
	for _, v := range o.Accounts {
		if v.Usage != nil && text.Ago(v.Usage.At, now) != text.Ago(newest, now) {
			said += fmt.Sprintf("; %s: %s", text.OneLine(v.Label), text.Ago(v.Usage.At, now))
		}
	}
	return said + "."
}
