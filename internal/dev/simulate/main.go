// Command simulate simulates months of work on a pool of five accounts with each strategy, and
// writes the results to docs/strategies.md.
//
// The pool, the rules, the requests to /usage and the classification of answers are the program's
// own code. The fake service has a simulated clock, so a month takes a moment. The results do not
// depend on real time, and random numbers have fixed seeds, so every run writes the same page.
//
// The command is a tool and not part of the product. It uses no network and writes only the page.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("out", "docs/strategies.md", "the page to write")
	flag.Parse()
	page, err := makePage()
	if err == nil {
		err = os.WriteFile(*out, []byte(page), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}
