// Command simulate simulates months of work on a pool of five accounts with each strategy, and
// writes the results to docs/strategies.md. It also writes the outcome of each month, so that a test
// can compare a few months instead of all.
//
// The pool, the rules, the requests to /usage and the classification of answers are the program's
// own code. The fake service has a simulated clock, so a month takes a moment. The results do not
// depend on real time, and random numbers have fixed seeds, so every run writes the same page.
//
// The command is a tool and not part of the product. It uses no network and writes only these
// two files.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("out", "docs/strategies.md", "the page to write")
	each := flag.String("months", "internal/dev/simulate/testdata/months.txt", "the file for the outcomes of the months")
	flag.Parse()
	if err := write(*out, *each); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func write(out, each string) error {
	outcomes, err := playAll(plays())
	if err != nil {
		return err
	}
	page, err := makePage(outcomes)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(out, []byte(page), 0o644), os.WriteFile(each, []byte(list(outcomes)), 0o644))
}
