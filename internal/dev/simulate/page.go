package main

import (
	_ "embed"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"text/template"

	"ocgo-key/rotation"
)

// months is how many months of each kind are simulated, each with another seed. The page has their
// mean figures.
const months = 5

// workload is the amount of work in a month.
type workload struct {
	name string
	play play // its strategy, ahead and seed are not set
}

var workloads = []workload{
	{"A quiet month", play{pattern: pattern{desks: 1, nights: 1, pace: 0.3}}},
	{"A full month", play{pattern: pattern{desks: 1, nights: 1, pace: 0.45}}},
	{"Too much for the pool", play{pattern: pattern{desks: 1, nights: 1, pace: 0.6}}},
	{"Two accounts used elsewhere as well, a quiet month", play{pattern: pattern{desks: 1, nights: 1, pace: 0.15}, elsewhere: true}},
	{"Two accounts used elsewhere as well, a full month", play{pattern: pattern{desks: 1, nights: 1, pace: 0.3}, elsewhere: true}},
}

// The workloads that the recommendation mentions.
const (
	quiet = iota
	full
	tooMuch
	sharedQuiet
	sharedFull
)

// aheads are the simulated values of the setting ahead, in percent. A process then switches ahead
// of the limit.
var aheads = []int{95, 80}

// kind has the common settings of the months whose mean is one figure.
type kind struct {
	workload int
	strategy string
	ahead    int
	reserve  bool
}

// figures has the mean outcome of each kind of month.
type figures map[kind]mean

// mean holds the mean outcome of a month.
type mean struct {
	Asked, Answered, Elsewhere, Switches, WaitedHours, Reserved float64
}

// Lost is the share of unanswered requests, in percent.
func (m mean) Lost() float64 { return 100 * (m.Asked - m.Answered) / m.Asked }

// kinds returns all kinds to simulate.
func kinds() []kind {
	var all []kind
	for _, s := range rotation.Strategies() {
		for w := range workloads {
			all = append(all, kind{w, s, 0, false})
		}
		for _, n := range aheads {
			all = append(all, kind{full, s, n, false})
		}
	}
	for _, w := range []int{quiet, full, tooMuch} {
		all = append(all, kind{w, rotation.RoundRobin, 0, true})
	}
	return all
}

// plays returns all months to simulate, grouped by kind.
func plays() []play {
	var all []play
	for _, k := range kinds() {
		for seed := range months {
			p := workloads[k.workload].play
			p.strategy, p.ahead, p.reserve, p.seed = k.strategy, k.ahead, k.reserve, uint64(seed)
			all = append(all, p)
		}
	}
	return all
}

// playAll simulates the months, as many at the same time as there are processors. That does not
// affect the outcomes.
func playAll(all []play) ([]outcome, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // for many small objects with short lives
	outcomes, errs := make([]outcome, len(all)), make([]error, len(all))
	var running sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, p := range all {
		turns <- struct{}{}
		running.Go(func() {
			outcomes[i], errs[i] = p.run()
			<-turns
		})
	}
	running.Wait()
	return outcomes, errors.Join(errs...)
}

// means returns the mean outcome of each kind of month. outcomes are in the order of plays.
func means(outcomes []outcome) figures {
	f := make(figures)
	for i, k := range kinds() {
		var sum outcome
		for _, o := range outcomes[i*months : (i+1)*months] {
			sum.add(o)
		}
		f[k] = mean{float64(sum.asked) / months, float64(sum.answered) / months, float64(sum.elsewhere) / months,
			float64(sum.switches) / months, sum.waited.Hours() / months, float64(sum.reserved) / months}
	}
	return f
}

// Of returns the figures of one kind of month.
func (f figures) Of(workload int, strategy string, ahead int) mean {
	return f[kind{workload, strategy, ahead, false}]
}

// WithReserve returns the figures of a month whose last account is a reserve.
func (f figures) WithReserve(workload int) mean {
	return f[kind{workload, rotation.RoundRobin, 0, true}]
}

// claims has each statement of the page's recommendation as a condition on the figures. If a
// condition does not hold, the page is not written.
var claims = map[string]func(f figures) bool{
	"round-robin answers most where the pool has its accounts to itself": func(f figures) bool {
		for _, w := range []int{quiet, full, tooMuch} {
			for _, s := range rotation.Strategies() {
				if f.Of(w, s, 0).Answered > f.Of(w, rotation.RoundRobin, 0).Answered {
					return false
				}
			}
		}
		return f.Of(full, rotation.RoundRobin, 0).Lost() < 0.5 && f.Of(full, rotation.FillFirst, 0).Lost() > 5
	},
	"in a quiet month nothing is lost with any, and only fill-first switches": func(f figures) bool {
		for _, s := range rotation.Strategies() {
			if f.Of(quiet, s, 0).Lost() > 0 || f.Of(sharedQuiet, s, 0).Lost() > 0 {
				return false
			}
		}
		return f.Of(quiet, rotation.RoundRobin, 0).Switches == 0 && f.Of(quiet, rotation.MostLeft, 0).Switches == 0 && f.Of(quiet, rotation.FillFirst, 0).Switches > 2
	},
	"with accounts that are used elsewhere, most-left switches least and leaves others most in a quiet month": func(f figures) bool {
		best := f.Of(sharedQuiet, rotation.MostLeft, 0)
		for _, s := range rotation.Strategies() {
			if m := f.Of(sharedQuiet, s, 0); m.Switches < best.Switches || m.Elsewhere > best.Elsewhere {
				return false
			}
			if f.Of(sharedFull, s, 0).Switches < f.Of(sharedFull, rotation.MostLeft, 0).Switches {
				return false
			}
		}
		return true
	},
	"a reserve is hardly used in a quiet month, and no request is lost; in a full month it is used less than without tiers; with too much work more is lost": func(f figures) bool {
		return f.WithReserve(quiet).Lost() < 0.5 && f.WithReserve(quiet).Reserved < 0.25*f.Of(quiet, rotation.RoundRobin, 0).Reserved &&
			f.WithReserve(full).Reserved < f.Of(full, rotation.RoundRobin, 0).Reserved &&
			f.WithReserve(tooMuch).Lost() > f.Of(tooMuch, rotation.RoundRobin, 0).Lost()
	},
	"in a full month most-left loses more than round-robin": func(f figures) bool {
		return f.Of(full, rotation.MostLeft, 0).Lost() > f.Of(full, rotation.RoundRobin, 0).Lost() &&
			f.Of(sharedFull, rotation.MostLeft, 0).Lost() > 2 && f.Of(sharedFull, rotation.RoundRobin, 0).Lost() < 0.5
	},
	"fill-first uses up the first accounts before others do": func(f figures) bool {
		for _, w := range []int{sharedQuiet, sharedFull} {
			m := f.Of(w, rotation.FillFirst, 0)
			if m.Lost() > 0.5 || m.Elsewhere > 0.75*f.Of(w, rotation.RoundRobin, 0).Elsewhere || m.Switches < f.Of(w, rotation.RoundRobin, 0).Switches {
				return false
			}
		}
		return true
	},
	"moves before the limit save no switch, change nothing with round-robin and almost nothing with most-left, and fill-first with them is worse than round-robin without them": func(f figures) bool {
		for _, n := range aheads {
			for _, s := range rotation.Strategies() {
				if f.Of(full, s, n).Switches < f.Of(full, s, 0).Switches {
					return false
				}
			}
			if f.Of(full, rotation.RoundRobin, n).Answered > f.Of(full, rotation.RoundRobin, 0).Answered ||
				f.Of(full, rotation.MostLeft, n).Lost() < f.Of(full, rotation.MostLeft, 0).Lost()-0.5 ||
				f.Of(full, rotation.FillFirst, n).Lost() > f.Of(full, rotation.FillFirst, 0).Lost() ||
				f.Of(full, rotation.FillFirst, n).Answered > f.Of(full, rotation.RoundRobin, 0).Answered {
				return false
			}
		}
		return true
	},
}

//go:embed page.md.tmpl
var pageText string

// makePage returns the page about the outcomes of plays. It returns an error if they contradict a
// claim.
func makePage(outcomes []outcome) (string, error) {
	f := means(outcomes)
	var err error
	for claim, holds := range claims {
		if !holds(f) {
			err = errors.Join(err, fmt.Errorf("the page claims that %s, but the figures do not show it: fix page.md.tmpl and claims", claim))
		}
	}
	if err != nil {
		return "", errors.Join(err, errors.New(f.table()+"\n\n"+f.aheadTable()))
	}
	reserved := slices.Index(kinds(), kind{full, rotation.RoundRobin, 0, true}) * months // the month of the chart
	return f.page(outcomes[reserved])
}

// page returns the page. Its chart shows one month, which has a reserve.
func (f figures) page(reserved outcome) (string, error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{
		"Reserve": f.reserveTable(), "Chart": reserved.chart(),
		"Tables": f.table(), "Ahead": f.aheadTable(), "Months": months, "Accounts": accounts,
		"Five": perFiveHours, "Week": perWeek, "Month": perMonth, "All": accounts * perMonth,
	})
	return b.String(), err
}

// table returns a table for each workload.
func (f figures) table() string {
	var b strings.Builder
	for w, load := range workloads {
		asked := f.Of(w, rotation.RoundRobin, 0).Asked
		fmt.Fprintf(&b, "### %s\n\nAsked: %.0f requests, %.0f %% of what the subscriptions include", load.name, asked, 100*asked/(accounts*perMonth))
		head, line := "| strategy | answered | lost | switches | hours waited |", "|---|---:|---:|---:|---:|"
		if load.play.elsewhere {
			b.WriteString("; others ask for more, outside the pool")
			head, line = head+" answered elsewhere |", line+"---:|"
		}
		fmt.Fprintf(&b, ".\n\n%s\n%s\n", head, line)
		for _, s := range rotation.Strategies() {
			m := f.Of(w, s, 0)
			b.WriteString(m.row("`" + s + "`"))
			if load.play.elsewhere {
				fmt.Fprintf(&b, " %.0f |", m.Elsewhere)
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String())
}

func (m mean) row(name string) string {
	return fmt.Sprintf("| %s | %.0f | %.1f %% | %.1f | %.1f |", name, m.Answered, m.Lost(), m.Switches, m.WaitedHours)
}

// aheadTable returns the table for the full month with switches ahead of the limit.
func (f figures) aheadTable() string {
	var b strings.Builder
	b.WriteString("| strategy | answered | lost | switches | hours waited |\n|---|---:|---:|---:|---:|\n")
	for _, s := range rotation.Strategies() {
		for _, n := range append([]int{0}, aheads...) {
			name := fmt.Sprintf("`%s`, ahead %d", s, n)
			if n == 0 {
				name = fmt.Sprintf("`%s`, off", s)
			}
			b.WriteString(f.Of(full, s, n).row(name) + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}
