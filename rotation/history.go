package rotation

import (
	"slices"
	"strings"
	"time"

	"ocgo-key/rotation/state"
)

// The limits of an account besides its three usage windows.
const (
	RateLimit  = "rate"  // requests per minute
	OtherLimit = "other" // balance, spending
)

// Limits lists the limits that History counts, in display order. The first three are the usage
// windows, by their names in /usage.
var Limits = []string{"rolling", "weekly", "monthly", RateLimit, OtherLimit}

// Hits counts how often an account reached each of the Limits.
type Hits struct {
	Account string // its label, or the last label of a removed account
	Count   map[string]int
}

// History is the recorded past of the pool.
type History struct {
	Events []state.Event // oldest first
	Hits   []Hits        // of the accounts that reached a limit, in the order of their first hits
	Broken int           // number of unreadable lines, which are left out
}

// History returns the history of the pool.
func (p *Records) History() (History, error) {
	events, broken, err := p.store.ReadEvents()
	return History{events, countHits(events), broken}, err
}

// countHits counts the limits in events, which are in chronological order. A 429 names only one
// used-up window. A later "corrected" event also counts if it names another window. A renamed
// account keeps its counts.
func countHits(events []state.Event) []Hits {
	type tally struct {
		Hits
		seen []string // the limits that were counted since the last 429
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
			if taken := find(e.To); taken >= 0 && taken != i { // the label of a removed account
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

// limitOf returns the limit that the reason of a cooldown names.
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
