package cli

import (
	"fmt"
	"strings"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// plainStatus describes the pool in sentences, one per line, for a screen reader.
func plainStatus(o rotation.Overview, now time.Time) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("%s. %s", text.Count(len(o.Accounts), "account", "accounts"), nextText(o, now))
	say("%s", strategyText(o.Settings))
	say("%s", ageText(o, now))
	for _, v := range o.Accounts {
		say("")
		say("Account %d, %s: %s.", v.Number, text.OneLine(v.Label), strings.TrimSuffix(conditionText(v.Condition, now), "."))
		if v.Usage == nil {
			say("Usage: not known yet.")
		} else {
			for _, w := range windowNames {
				window, told := v.Usage.Windows[w.name]
				say("%s: %s.", strings.ToUpper(w.words[:1])+w.words[1:], plainWindow(window, told, now))
			}
		}
		holder := func(l rotation.Lease) string {
			return fmt.Sprintf("%s, process %d, since %s", text.OneLine(l.Command), l.PID, text.Clock(l.Since, now))
		}
		for _, holder := range heldBy(v, maxHolders, holder) {
			say("Held by %s.", holder)
		}
	}
	return b.String()
}

func plainWindow(w rotation.KnownWindow, told bool, now time.Time) string {
	switch {
	case !told:
		return "not reported by the service"
	case !w.ResetsAt.IsZero() && !w.ResetsAt.After(now):
		return resetText(w, now)
	}
	return fmt.Sprintf("%d %% used, %s", w.Percent, resetText(w, now))
}
