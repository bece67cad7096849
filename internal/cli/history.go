package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

type historyCmd struct {
	Number int  `short:"n" default:"20" placeholder:"N" help:"The last N events; 0 for all that are kept. (${default})"`
	All    bool `help:"Also show each account that a process or a conversation got (leased)."`
}

func (*historyCmd) Help() string {
	return `Prints one line for each event, the newest last: what switched, when and why. Then it prints how often each account reached each limit, for the events that are kept (about 1 MiB). A renamed account keeps its counts.

Examples:
  ocgo-key history
  ocgo-key history -n 0 --all
  ocgo-key history --json`
}

func (c *historyCmd) Run(a *app) error {
	if c.Number < 0 {
		return hint.Input("-n %d: not a number of events", c.Number)
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	h, err := pool.History()
	if err != nil {
		return fmt.Errorf("cannot read the history: %w", err)
	}
	if h.Broken > 0 {
		a.Detail("%s of the history could not be read", text.Count(h.Broken, "line", "lines"))
	}
	events := c.chosen(h.Events)
	if a.JSON {
		return a.Document(historyDocument(h, events))
	}
	if len(h.Events) == 0 {
		a.Say("nothing has happened yet")
		return nil
	}
	now := time.Now()
	t := grid{lead: 2, wraps: 2}
	for _, e := range events {
		t.rows = append(t.rows, []cell{{text: text.Moment(e.Time, now)}, {text: text.OneLine(e.Kind)}, {text: eventText(e)}})
	}
	if len(events) > 0 {
		if err := a.Print("%s\n\n", strings.Join(a.layout().lines(t), "\n")); err != nil {
			return err
		}
	}
	return printHits(a, h, now)
}

// chosen returns the events that the flags select.
func (c *historyCmd) chosen(events []rotation.Event) []rotation.Event {
	if !c.All {
		events = slices.DeleteFunc(slices.Clone(events), func(e rotation.Event) bool { return e.Kind == "leased" })
	}
	if c.Number > 0 && len(events) > c.Number {
		events = events[len(events)-c.Number:]
	}
	return events
}

// eventText returns the details of an event of any kind:
// "Work -> Personal, opencode (6629): weekly limit, until Mon 09:00".
func eventText(e rotation.Event) string {
	var b strings.Builder
	add := func(separator, text string) {
		if b.Len() > 0 {
			b.WriteString(separator)
		}
		b.WriteString(text)
	}
	if e.Account != "" {
		add("", text.OneLine(e.Account))
	}
	if e.To != "" {
		add(" ", "-> "+text.OneLine(e.To))
	}
	switch {
	case e.Command != "" && e.PID != 0:
		add(", ", fmt.Sprintf("%s (%d)", text.OneLine(e.Command), e.PID))
	case e.PID != 0:
		add(", ", fmt.Sprintf("process %d", e.PID))
	case e.Command != "": // a conversation
		add(", ", text.OneLine(e.Command))
	}
	if e.Reason != "" {
		add(": ", text.OneLine(e.Reason))
	}
	if !e.Until.IsZero() {
		add(", ", "until "+text.Clock(e.Until, e.Time))
	}
	return b.String()
}

// limitWord returns the user's name for one of rotation.Limits.
func limitWord(limit string) string {
	return cmp.Or(map[string]string{"rolling": "5-hour"}[limit], limit)
}

// printHits prints how often each account hit each limit.
func printHits(a *app, h rotation.History, now time.Time) error {
	since := ""
	if oldest := oldestEvent(h); !oldest.IsZero() {
		since = " since " + text.Moment(oldest, now)
	}
	if len(h.Hits) == 0 {
		return a.Print("No limit was hit%s.\n", since)
	}
	if err := a.Print("Limits hit%s:\n", since); err != nil {
		return err
	}
	t := grid{lead: 1, wraps: 1}
	for _, hits := range h.Hits {
		var parts []string
		for _, limit := range rotation.Limits {
			if n := hits.Count[limit]; n > 0 {
				parts = append(parts, fmt.Sprintf("%s %d", limitWord(limit), n))
			}
		}
		t.rows = append(t.rows, []cell{{text: "  " + text.OneLine(hits.Account)}, {text: strings.Join(parts, ", ")}})
	}
	return a.Print("%s\n", strings.Join(a.layout().lines(t), "\n"))
}

// oldestEvent returns the time of the oldest event; zero if there is none.
func oldestEvent(h rotation.History) time.Time {
	if len(h.Events) == 0 {
		return time.Time{}
	}
	return h.Events[0].Time
}

// The output of `history --json`. Scripts depend on its format.
type (
	historyJSON struct {
		Events []eventJSON `json:"events"`
		Counts []hitJSON   `json:"counts"`
		Since  *time.Time  `json:"since"`
	}
	eventJSON struct {
		Time    *time.Time `json:"time"`
		Event   string     `json:"event"`
		Account *string    `json:"account"`
		To      *string    `json:"to"`
		Reason  *string    `json:"reason"`
		Until   *time.Time `json:"until"`
		PID     *int       `json:"pid"`
		Command *string    `json:"command"`
	}
	hitJSON struct {
		Account string `json:"account"`
		Window  string `json:"window"` // or "rate", "other"
		Count   int    `json:"count"`
	}
)

func historyDocument(h rotation.History, events []rotation.Event) historyJSON {
	d := historyJSON{[]eventJSON{}, []hitJSON{}, nonZero(oldestEvent(h).UTC())}
	for _, e := range events {
		d.Events = append(d.Events, eventJSON{nonZero(e.Time.UTC()), e.Kind, nonZero(e.Account), nonZero(e.To), nonZero(e.Reason),
			nonZero(e.Until.UTC()), nonZero(e.PID), nonZero(e.Command)})
	}
	for _, hits := range h.Hits {
		for _, limit := range rotation.Limits {
			if n := hits.Count[limit]; n > 0 {
				d.Counts = append(d.Counts, hitJSON{hits.Account, limit, n})
			}
		}
	}
	return d
}
