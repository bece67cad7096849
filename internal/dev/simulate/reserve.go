package main

import (
	"fmt"
	"strings"

	"ocgo-key/rotation"
)

// reserveTable compares months with and without a reserve, with the default strategy.
func (f figures) reserveTable() string {
	var b strings.Builder
	b.WriteString("| month | answered | lost | switches | hours waited | by the last account |\n|---|---:|---:|---:|---:|---:|\n")
	for _, w := range []int{quiet, full, tooMuch} {
		m := f.Of(w, rotation.RoundRobin, 0)
		fmt.Fprintf(&b, "%s %.0f |\n", m.row(workloads[w].name+", one tier"), m.Reserved)
		m = f.WithReserve(w)
		fmt.Fprintf(&b, "%s %.0f |\n", m.row(workloads[w].name+", with a reserve"), m.Reserved)
	}
	return strings.TrimSpace(b.String())
}

// perMark is the number of requests for one mark of the chart.
const perMark = 2

// chart draws a month with a reserve: a line for each day.
func (o outcome) chart() string {
	var b strings.Builder
	for day, d := range o.days {
		marks := strings.Repeat("#", (d.others+perMark-1)/perMark) + strings.Repeat("R", (d.last+perMark-1)/perMark)
		b.WriteString(strings.TrimRight(fmt.Sprintf("day %2d  %s", day+1, marks), " ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
