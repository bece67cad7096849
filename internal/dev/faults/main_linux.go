//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ocgo-key/internal/atomicfile"
)

// budget is the time limit of a whole run.
const budget = 20 * time.Minute

func main() {
	if err := faults(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

// settings are the parameters of a group of rows.
type settings struct {
	binary  string
	every   int                              // only one of this many steps is tried; 1 means all
	temp    string                           // a folder on a file system that allows programs to run
	log     func(format string, args ...any) // progress, for people
	tracing tracing                          // one for each group
}

// groups lists all groups, in the order of the page.
var groups = []struct {
	name string
	make func(context.Context, *world) ([]row, error)
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
	s := settings{binary: *binary, every: max(*every, 1), temp: os.TempDir(), log: log.New(stderr, "faults: ", 0).Printf}
	clean, err := scratch()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, budget, fmt.Errorf("it took longer than %v", budget))
	defer cancel()
	rows, err := allRows(ctx, s, *only)
	if err = errors.Join(err, clean()); err != nil {
		return err
	}
	bad := 0
	for _, r := range rows {
		fmt.Fprintf(stdout, "%-40s %5d  %s\n", r.fault, r.times, strings.ReplaceAll(r.verdict(), "**", ""))
		for _, what := range r.lost[:min(len(r.lost), shownFailures)] {
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

// allRows runs the groups and returns their rows. It runs as many groups at a time as there are
// processors.
func allRows(ctx context.Context, s settings, only string) ([]row, error) {
	made, errs := make([][]row, len(groups)), make([]error, len(groups))
	turns := make(chan struct{}, runtime.NumCPU())
	threads := make([]tracing, len(groups))
	for i := range threads {
		threads[i] = newTracing()
		defer close(threads[i])
	}
	var all sync.WaitGroup
	for i, g := range groups {
		if only != "" && only != g.name {
			continue
		}
		s := s
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			s.tracing = threads[i]
			if made[i], errs[i] = inWorld(ctx, s, g.make); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", g.name, errors.Join(errs[i], context.Cause(ctx)))
			}
		})
	}
	all.Wait()
	rows := slices.Concat(made...)
	if err := errors.Join(errs...); err != nil || len(rows) > 0 {
		return rows, err
	}
	return nil, fmt.Errorf("there is no group %q", only)
}

// scratch creates a folder for all files. It is in memory if possible, because syncing is slow on a
// disk. clean removes the folder, and fails if a file is left in it.
func scratch() (clean func() error, err error) {
	before, given := os.LookupEnv("TMPDIR")
	parent := os.TempDir()
	if info, err := os.Stat("/dev/shm"); !given && err == nil && info.IsDir() && unix.Access("/dev/shm", unix.W_OK) == nil {
		parent = "/dev/shm"
	}
	dir, err := os.MkdirTemp(parent, "ocgo-key-faults-")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(dir, 0o711), os.Setenv("TMPDIR", dir)); err != nil { // another user needs access too
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return func() error {
		if given {
			err = os.Setenv("TMPDIR", before)
		} else {
			err = os.Unsetenv("TMPDIR")
		}
		left, readErr := os.ReadDir(dir)
		if len(left) > 0 {
			err = errors.Join(err, fmt.Errorf("%s was left behind", left[0].Name()))
		}
		return errors.Join(err, readErr, os.RemoveAll(dir))
	}, nil
}
