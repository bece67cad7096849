//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"ocgo-key/internal/atomicfile"
)

// budget bounds a whole run.
const budget = 5 * time.Minute

// The roles of this program when it starts itself.
const traceRole = "trace"

var roles = map[string]func(args []string) error{traceRole: trace}

func main() { os.Exit(mainCode(os.Args[1:], os.Stdout, os.Stderr)) }

func mainCode(args []string, stdout, stderr io.Writer) int {
	do := func() error { return faults(args, stdout, stderr) }
	if len(args) > 0 && roles[args[0]] != nil {
		do = func() error { return roles[args[0]](args[1:]) }
	}
	err := do()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stderr, "faults:", err)
		return 1
	}
	return 0
}

// settings are what a group of rows is told.
type settings struct {
	binary string
	every  int          // of so many steps one is tried; 1 is all
	log    func(string) // progress, for people
}

// group makes some rows, in a world of its own.
type group func(context.Context, *settings) ([]row, error)

// groups are all there are, in the page's order.
var groups = []struct {
	name string
	make group
}{
	{"kill", killRows},
	{"disk", diskRows},
	{"user", userRows},
	{"keychain", keychainRows},
	{"content", contentRows},
	{"crowd", crowdRows},
}

func faults(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("binary", "", "the ocgo-key to try")
	out := flags.String("out", "", "the page to write; left out: none")
	every := flags.Int("every", 1, "try one of so many steps; 1 is all of them")
	only := flags.String("only", "", "the group of rows to make; left out: all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := os.Stat(*binary); err != nil {
		return fmt.Errorf("-binary names no ocgo-key: %w; build one with `make build`", err)
	}
	s := &settings{binary: *binary, every: max(*every, 1), log: func(text string) { fmt.Fprintln(stderr, "faults:", text) }}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, budget, fmt.Errorf("it took longer than %v", budget))
	defer cancel()
	var rows []row
	for _, g := range groups {
		if *only != "" && *only != g.name {
			continue
		}
		made, err := g.make(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, errors.Join(err, context.Cause(ctx)))
		}
		rows = append(rows, made...)
	}
	bad := 0
	for _, r := range rows {
		fmt.Fprintf(stdout, "%-34s %5d  %s\n", r.fault, r.times, strings.ReplaceAll(r.verdict(), "**", ""))
		for _, what := range r.lost[:min(len(r.lost), worst)] {
			fmt.Fprintln(stdout, "    ", what)
		}
		bad += len(r.lost)
	}
	if *out != "" {
		if err := atomicfile.Write(*out, []byte(page(rows)), 0o644, false); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("something was lost %d times", bad)
	}
	return nil
}
