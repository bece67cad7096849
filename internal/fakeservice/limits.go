package fakeservice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// windows are in the order in which the service checks them. An error names the first window that
// is used up.
var windows = []Window{Weekly, Monthly, Rolling}

// account is an Account with the progress of its plan. Server.mu guards it.
type account struct {
	Account
	progress
}

type progress struct {
	next     int
	perModel map[string]int
	spent    []spent              // one for each of Plan.Budgets
	resets   map[Window]time.Time // the limits that earlier answers have set
}

// start replaces the plan and starts it from the beginning.
func (a *account) start(p Plan) {
	a.Plan = p
	a.progress = progress{perModel: map[string]int{}, spent: make([]spent, len(p.Budgets)), resets: map[Window]time.Time{}}
}

type spent struct {
	began time.Time
	used  int
}

// choose returns the plan's next answer for the request.
func (a *account) choose(r *Request, now time.Time) Answer {
	p := &a.Plan
	if r.Title && p.TitlesFree {
		return Answer{}
	}
	for _, l := range p.Limits {
		if l.Model != "" && l.Model == r.Model && l.Until.After(now) {
			busy := RateLimit()
			busy.RetryAfter = l.Until.Sub(now)
			return busy
		}
	}
	free := slices.Contains(p.FreeModels, r.Model)
	for _, w := range windows {
		if until := a.limitedUntil(w, now); !free && !until.IsZero() {
			if p.UseBalance != "" {
				return Answer{Cost: p.UseBalance}
			}
			return UsageLimit(w, until.Sub(now))
		}
	}
	if free && a.queued(r.Model, false).Window != "" {
		return Answer{}
	}
	answer := a.queued(r.Model, true)
	if answer.Status == 0 && answer.Break == NoBreak && !free {
		a.spend(now)
	}
	if answer.Window != "" {
		a.resets[answer.Window] = now.Add(answer.resetsIn())
	}
	return answer
}

// queued returns the next answer of the queue. If take is set, it removes the answer.
func (a *account) queued(model string, take bool) Answer {
	queue, own := a.Plan.PerModel[model]
	at := a.next
	if own {
		at = a.perModel[model]
	} else {
		queue = a.Plan.Answers
	}
	if len(queue) == 0 {
		return Answer{}
	}
	answer := queue[min(at, len(queue)-1)]
	switch {
	case !take:
	case own:
		a.perModel[model] = at + 1
	default:
		a.next = at + 1
	}
	return answer
}

// limitedUntil returns the time when the window resets, according to limits and budgets. It returns
// zero if the window is not used up.
func (a *account) limitedUntil(w Window, now time.Time) time.Time {
	var until time.Time
	for _, l := range a.Plan.Limits {
		if l.Model == "" && l.Window == w && l.Until.After(now) && l.Until.After(until) {
			until = l.Until
		}
	}
	for i, b := range a.Plan.Budgets {
		s := a.budget(i, now)
		if b.Window != w || s.used < b.Requests {
			continue
		}
		if s.began.IsZero() { // for a budget of zero requests, the window begins with this check
			s.began = now
		}
		if end := s.began.Add(b.every()); end.After(until) {
			until = end
		}
	}
	return until
}

// budget returns the state of budget number i. It resets the budget if its window is over.
func (a *account) budget(i int, now time.Time) *spent {
	s, b := &a.spent[i], a.Plan.Budgets[i]
	if !b.From.IsZero() {
		if began := b.began(now); !s.began.Equal(began) {
			*s = spent{began: began}
		}
	} else if !s.began.IsZero() && !now.Before(s.began.Add(b.every())) {
		*s = spent{}
	}
	return s
}

func (a *account) spend(now time.Time) {
	for i := range a.Plan.Budgets {
		s := a.budget(i, now)
		if s.began.IsZero() {
			s.began = now
		}
		s.used++
	}
}

// began returns the start of the window that contains now, for a budget with a From.
func (b Budget) began(now time.Time) time.Time {
	into := now.Sub(b.From) % b.every()
	if into < 0 {
		into += b.every()
	}
	return now.Add(-into)
}

func (b Budget) every() time.Duration { return cmp.Or(b.Every, b.Window.Length()) }

// limitMessage returns the message of the service for a used-up window.
func limitMessage(w Window, retryAfter time.Duration, workspace string) string {
	name := map[Window]string{Rolling: "5-hour", Weekly: "Weekly", Monthly: "Monthly"}[w]
	return fmt.Sprintf("%s usage limit reached. Resets in %s. To continue using this model now, enable usage from your available balance: https://opencode.ai/workspace/%s/go",
		name, resetIn(retryAfter), workspace)
}

// limitWords returns the message of newer parts of the service for a used-up window.
func limitWords(w Window, wait time.Duration) string {
	name := map[Window]string{Rolling: "5 hour", Weekly: "Weekly", Monthly: "Monthly"}[w]
	return fmt.Sprintf("%s usage limit reached. It will reset in %s. To continue using this model now, enable usage from your available balance: https://opencode.ai/workspace/wrk_FAKE/go",
		name, waitWords(wait))
}

// waitWords formats a wait with its two largest units: "5 days 10 hours", "1 hour", "20 minutes".
func waitWords(d time.Duration) string {
	minutes := (seconds(d) + 59) / 60
	var words []string
	for _, unit := range []struct {
		name    string
		minutes int64
	}{{"day", 24 * 60}, {"hour", 60}, {"minute", 1}} {
		if n := minutes / unit.minutes; n == 1 {
			words = append(words, "1 "+unit.name)
		} else if n > 1 {
			words = append(words, fmt.Sprintf("%d %ss", n, unit.name))
		}
		minutes %= unit.minutes
	}
	return strings.Join(words[:min(len(words), 2)], " ")
}

func resetIn(d time.Duration) string {
	secs := seconds(d)
	switch days, hours, minutes := secs/86400, secs/3600, (secs%3600+59)/60; {
	case days > 1:
		return fmt.Sprintf("%d days", days)
	case days == 1:
		return "1 day"
	case hours >= 1:
		return fmt.Sprintf("%dhr %dmin", hours, minutes)
	default:
		return fmt.Sprintf("%dmin", minutes)
	}
}

// seconds rounds up, so that the account is ready once retry-after is over.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
