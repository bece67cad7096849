package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// contestant is a command that is run repeatedly, in turn with other commands.
type contestant struct {
	name    string
	argv    []string
	env     []string
	stdin   string
	prints  func(stdout string) bool                             // checks the output; nil means that there must be no output
	prepare func() (more []string, undo func() error, err error) // is called before each run and is not timed; may be nil
}

// exactly returns a check that accepts only this text, with or without a newline.
func exactly(text string) func(string) bool {
	return func(stdout string) bool { return strings.TrimSuffix(stdout, "\n") == text }
}

func having(text string) func(string) bool {
	return func(stdout string) bool { return strings.Contains(stdout, text) }
}

// time runs the command once, and returns the duration in ms. It includes the creation of the
// process and reading all its output.
func (c *contestant) time(ctx context.Context) (took float64, err error) {
	argv := c.argv
	if c.prepare != nil {
		more, undo, failed := c.prepare()
		if failed != nil {
			return 0, fmt.Errorf("%s: %w", c.name, failed)
		}
		defer func() { err = errors.Join(err, undo()) }()
		argv = append(argv[:len(argv):len(argv)], more...)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.env, strings.NewReader(c.stdin), &stdout, &stderr
	start := time.Now()
	err = cmd.Run()
	took = milliseconds(time.Since(start))
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", c.name, err, stderr.String())
	}
	if right := c.prints == nil && stdout.Len() == 0 || c.prints != nil && c.prints(stdout.String()); !right {
		return 0, fmt.Errorf("%s printed something unexpected, so its time does not count", c.name)
	}
	return took, nil
}

// race calls each function of times once per round. It returns the results of each function in the
// order of the rounds, without the warm-up rounds.
func race(ctx context.Context, times []stopwatch, warmUps, rounds int) ([][]float64, error) {
	for range warmUps {
		for _, time := range times {
			if _, err := time(ctx); err != nil {
				return nil, err
			}
		}
	}
	took := make([][]float64, len(times))
	err := turns(rounds, len(times), func(w int) error {
		t, err := times[w](ctx)
		took[w] = append(took[w], t)
		return err
	})
	return took, err
}

// stopwatch performs one measurement, and returns the duration in ms.
type stopwatch func(context.Context) (float64, error)

// turns calls block n times for each route, in an order that changes each time. So other load on
// the machine, and the effect of one route on the next, are the same for all routes.
func turns(n, ways int, block func(way int) error) error {
	var strides []int // each turn has all routes, in another order
	for stride := 1; stride <= max(1, ways-1); stride++ {
		if gcd(stride, ways) == 1 {
			strides = append(strides, stride)
		}
	}
	for i := range n {
		stride := strides[i/ways%len(strides)]
		for place := range ways {
			if err := block((i + place*stride) % ways); err != nil {
				return err
			}
		}
	}
	return nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// versusColumns are the columns of a table whose rows compare two things.
var versusColumns = []string{"measure", "median", "against", "its median", "difference", "ratio"}

// bound is a target for a comparison. The zero value means no target.
type bound struct {
	text string
	met  func(difference, ratio float64) bool
}

func (b bound) holds(difference, ratio float64) bool { return b.met != nil && b.met(difference, ratio) }

func atMost(limit float64) bound {
	return bound{fmt.Sprintf("at most %g times", limit), func(_, ratio float64) bool { return ratio <= limit }}
}

func addsUnder(limit float64) bound {
	return bound{fmt.Sprintf("under %g ms added", limit), func(difference, _ float64) bool { return difference < limit }}
}

// faster is the target to take less time than the other command.
var faster = bound{"faster", func(difference, _ float64) bool { return difference < 0 }}

// versus returns a row that compares samples in ms with other samples of the same rounds. The
// difference and the ratio are computed within each round. Without samples the row says that the
// command is not installed.
func versus(name string, took []float64, against string, others []float64, target bound) row {
	if len(took) == 0 {
		return row{cells: []string{name, "not here", "–", "–", "–", "–"}}
	}
	if len(others) == 0 {
		return row{cells: []string{name, ms1(median(took)), against, "not here", "–", "–"}}
	}
	difference, ratio := paired(took, others, minus), paired(took, others, per)
	return row{target: target.text, met: target.holds(median(difference), median(ratio)), cells: []string{name, ms1(median(took)), against, ms1(median(others)),
		fmt.Sprintf("%+.1f ms", median(difference)), fmt.Sprintf("%s (%s)", times(median(ratio)), spread(ratio))}}
}

// versusSize returns a row that compares sizes in bytes.
func versusSize(name string, bytes float64, against string, others float64) row {
	return row{cells: []string{name, mb(bytes), against, mb(others), fmt.Sprintf("%+.1f MB", (bytes-others)/(1<<20)), times(bytes / others)}}
}

// ms1 formats the time of a whole process in ms, with one decimal: more digits have no meaning.
func ms1(v float64) string { return fmt.Sprintf("%.1f ms", v) }
