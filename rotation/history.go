package rotation

import (
	"slices"
	"strings"
	"time"

	"ocgo-key/rotation/state"
)

// What an account can hit, beside the three windows of its usage.
const (
	RateLimit  = "rate"  // requests in a minute
	OtherLimit = "other" // balance, spending
)

// Limits are all limits that History counts, in the order in which they are shown. The first three
// are the usage windows as the service's /usage calls them.
var Limits = []string{"rolling", "weekly", "monthly", RateLimit, OtherLimit}

// Hits is how often an account hit each of the Limits.
type Hits struct {
	Account string // its label now, or the one it had last
	Count   map[string]int
}

// History is what happened to the pool, as far back as it is kept.
type History struct {
	Events []state.Event // oldest first
	Hits   []Hits        // of accounts that hit a limit, in the order of their first
	Broken int           // lines that could not be read and were left out
}

// History reads what happened. It changes nothing.
func (p *Records) History() (History, error) {
	events, broken, err := p.store.ReadEvents()
	return History{events, countHits(events), broken}, err
}

// countHits goes through the events, oldest first. A limit that a correction found (the service's
// 429 names only the first window that is used up) counts as well. An account keeps its counts when
// it gets another label.
func countHits(events []state.Event) []Hits {
	type tally struct {
		Hits
		seen []string // the limits of the cooldown that the account is in
	}
	var all []*tally
	find := func(label string) int {
		return slices.IndexFunc(all, func(t *tally) bool { return t.Account == label })
	}
	for _, e := range events {
		i := find(e.Account)
		switch e.Kind {
		case "cooled", "corrected":
			if i < 0 {
				i, all = len(all), append(all, &tally{Hits: Hits{e.Account, map[string]int{}}})
			}
			t, limit := all[i], limitOf(e.Reason)
			if e.Kind == "cooled" {
				t.seen = nil
			}
			if !slices.Contains(t.seen, limit) {
				t.seen = append(t.seen, limit)
				t.Count[limit]++
			}
		case "renamed":
			if i < 0 {
				continue
			}
			if taken := find(e.To); taken >= 0 && taken != i { // of an account that is gone
				for limit, n := range all[taken].Count {
					all[i].Count[limit] += n
				}
				all[i].Account = e.To
				all = slices.Delete(all, taken, taken+1)
				continue
			}
			all[i].Account = e.To
		}
	}
	hits := make([]Hits, len(all))
	for i, t := range all {
		hits[i] = t.Hits
	}
	return hits
}

// limitOf is the limit that a cooldown's reason names.
func limitOf(reason string) string {
	for window, name := range limitNames {
		if reason == windowVerdict(name, time.Time{}).Reason {
			return window
		}
	}
	if reason == TooMany || strings.HasPrefix(reason, "rate limit") {
		return RateLimit
	}
	return OtherLimit
}
