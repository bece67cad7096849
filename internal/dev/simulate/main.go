// Command simulate plays months of work on a pool of five accounts, with each strategy, and writes
// what came of it to docs/strategies.md.
//
// The pool, the rules, the questions about usage and the reading of answers are the program's own;
// the service is the stand-in, with a clock that is turned by hand, so that a month takes a moment.
// Nothing is measured by real time and chance comes from fixed seeds: the page is the same wherever
// it is made.
//
// It is a tool, no part of the product: nothing imports it. It uses no network and writes nothing
// but the page.
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
