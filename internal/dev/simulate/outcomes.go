package main

import (
	"fmt"
	"strings"
	"time"
)

// String returns the outcome in one line, which parse reads.
func (o outcome) String() string {
	var b strings.Builder
	for _, n := range o.numbers() {
		fmt.Fprint(&b, *n, " ")
	}
	fmt.Fprint(&b, o.waited.Nanoseconds())
	return b.String()
}

// numbers returns all of the outcome except the time that was waited.
func (o *outcome) numbers() []*int {
	all := []*int{&o.asked, &o.answered, &o.elsewhere, &o.switches, &o.ahead, &o.waits, &o.reserved}
	for i := range o.days {
		all = append(all, &o.days[i].others, &o.days[i].last)
	}
	return all
}

// list returns the outcomes of plays, each in a line.
func list(outcomes []outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		fmt.Fprintln(&b, o)
	}
	return b.String()
}

// parse reads what list has written.
func parse(text string) (outcomes []outcome, err error) {
	for line := range strings.Lines(text) {
		var o outcome
		in := strings.NewReader(line)
		for _, n := range o.numbers() {
			if _, err := fmt.Fscan(in, n); err != nil {
				return nil, err
			}
		}
		var waited int64
		if _, err := fmt.Fscan(in, &waited); err != nil {
			return nil, err
		}
		o.waited = time.Duration(waited)
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}
