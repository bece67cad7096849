// Command bench measures whether the project meets its performance targets, and writes the results
// to docs/benchmarks.md. Each entry of sections makes one section of that page. If only some
// sections are run, the others stay unchanged.
//
// The command is a tool and not part of the product. It connects only to 127.0.0.1, keeps its keys
// in a private keyring that ends with it, and leaves nothing behind but the page.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"ocgo-key/internal/dev/lab"
)

// section is one part of the page. `-sections` and the marks in the page contain its name. run
// makes the section.
type section struct {
	name string
	run  func(context.Context, *settings) (*report, error)
}

// sections lists all sections, in the page's order.
var sections = []section{
	{"gateway", benchGateway},
	{"helper", benchHelper},
	{"start", benchStart},
	{"costs", benchCosts},
}

// settings are the parameters of a section.
type settings struct {
	binary  string       // the ocgo-key to measure
	symbols string       // the same, with its symbols
	effort  effort       // how long to measure
	log     func(string) // progress, for people
}

// budget is the time limit of each section.
const budget = 4 * time.Minute

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			end(role(os.Args[2:]))
		}
	}
	end(bench(os.Args[1:], os.Stdout, os.Stderr))
}

func end(err error) {
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// roles are the functions that this program runs when it starts itself, for the other processes of
// a measurement. Separate processes do not share the scheduler and garbage collector of the
// measured process.
var roles = map[string]func(args []string) error{
	"serve-upstream": serveUpstream,
	"serve-bare":     serveBare,
}

func bench(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("binary", "", "the ocgo-key to measure")
	symbols := flags.String("symbols", "", "the same program with its symbols, for the section costs; left out: -binary has them")
	page := flags.String("out", "", "the page whose sections are rewritten; left out: none")
	names := flags.String("sections", "", "the sections to run, separated by commas; left out: all")
	quick := flags.Bool("quick", false, "a short run, to see that it works; its numbers are no result")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*names)
	if err != nil {
		return err
	}
	if _, err := os.Stat(*binary); err != nil {
		return fmt.Errorf("-binary names no ocgo-key: %w; build one with `make build`", err)
	}
	s := &settings{binary: *binary, symbols: cmp.Or(*symbols, *binary), effort: full, log: func(text string) { fmt.Fprintln(stderr, "bench:", text) }}
	if *quick {
		s.effort = short
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, c := range chosen {
		r, err := c.within(ctx, s, budget)
		if err != nil {
			return fmt.Errorf("section %s: %w", c.name, err)
		}
		r.machine, r.command = lab.Machine(), "make bench SECTIONS="+c.name
		fmt.Fprint(stdout, r.text())
		if *page != "" {
			if err := writeSection(*page, c.name, r.markdown()); err != nil {
				return err
			}
		}
	}
	return nil
}

// within runs the section with the time limit budget. If the section takes longer, the error says
// so.
func (c section) within(ctx context.Context, s *settings, limit time.Duration) (*report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the section took longer than %v", limit))
	defer cancel()
	r, err := c.run(ctx, s)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return r, err
}

// choose returns the sections with these names, in the order of the page. Without names it returns
// all sections.
func choose(names string) ([]section, error) {
	if names == "" {
		return sections, nil
	}
	wanted := strings.Split(names, ",")
	chosen := slices.DeleteFunc(slices.Clone(sections), func(s section) bool { return !slices.Contains(wanted, s.name) })
	if len(chosen) != len(wanted) {
		return nil, fmt.Errorf("-sections %s: an unknown or repeated section", names)
	}
	return chosen, nil
}
