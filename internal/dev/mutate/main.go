// Command mutate measures how many faults the tests notice. It makes one small change at a time in
// the packages that handle keys and accounts, and runs their tests. It writes the changes that no
// test noticed to docs/testing.md, with the coverage of each package. It does not change the source
// files.
//
// It has its own small set of operators, because the known tools cannot test a sample of a fixed
// size and seed, and a test of all mutants would take a day.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

var packages = []string{"rotation", "helper/gateway", "helper/accounts", "keychain"}

func main() {
	count := flag.Int("count", 200, "how many mutants are tried")
	seed := flag.Uint64("seed", 1, "chooses them")
	budget := flag.Duration("budget", 30*time.Minute, "when no further ones are tried")
	out := flag.String("out", "docs/testing.md", "the page")
	flag.Parse()
	if err := run(*count, *seed, *budget, *out); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(count int, seed uint64, budget time.Duration, out string) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "ocgo-key-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var bases []base
	var all []mutant
	for i, name := range packages {
		b, err := measure(name, filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s covered, %d mutants, tests take %v\n", name, b.coverage, len(b.mutants), b.took.Round(time.Second))
		bases, all = append(bases, b), append(all, b.mutants...)
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })

	t := &trial{dir: dir, bases: bases, ends: began.Add(budget), left: all, want: count}
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(t.work)
	}
	workers.Wait()
	if t.err != nil {
		return t.err
	}
	page := report(bases, t.done, seed, time.Since(began))
	fmt.Print(page)
	return writeSection(out, page)
}

// A base is a package without changes.
type base struct {
	name     string
	coverage string // such as "93.1%"
	mutants  []mutant
	covered  []string // the executed lines of its coverage profile
	took     time.Duration
}

func measure(name, profile string) (base, error) {
	b := base{name: name}
	began := time.Now()
	said, err := exec.Command("go", "test", "-count=1", "-coverprofile", profile, "./"+name).CombinedOutput()
	if err != nil {
		return b, fmt.Errorf("the tests of %s fail without any change: %w\n%s", name, err, said)
	}
	b.took = time.Since(began)
	_, after, _ := strings.Cut(string(said), "coverage: ")
	b.coverage, _, _ = strings.Cut(after, " ")
	text, err := os.ReadFile(profile)
	if err != nil {
		return b, err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, " 0") {
			b.covered = append(b.covered, strings.TrimPrefix(line, "ocgo-key/"))
		}
	}
	said, err = exec.Command("go", "list", "-f", `{{join .GoFiles "\n"}}`, "./"+name).Output()
	if err != nil {
		return b, err
	}
	for _, file := range strings.Fields(string(said)) {
		path := filepath.Join(name, file)
		source, err := os.ReadFile(path)
		if err != nil {
			return b, err
		}
		found, err := mutantsOf(path, source)
		if err != nil {
			return b, err
		}
		b.mutants = append(b.mutants, found...)
	}
	return b, nil
}

// covers reports whether a test runs the mutant's line.
func (b base) covers(m mutant) bool {
	return slices.ContainsFunc(b.covered, func(block string) bool {
		var from, fromColumn, to, toColumn int
		where, ok := strings.CutPrefix(block, m.file+":")
		_, err := fmt.Sscanf(where, "%d.%d,%d.%d", &from, &fromColumn, &to, &toColumn)
		return ok && err == nil && from <= m.line && m.line <= to
	})
}

// A verdict is the result of a mutant's test run.
type verdict string

const (
	killed    verdict = "killed"
	timedOut  verdict = "timed out" // counts as killed
	survived  verdict = "survived"
	uncovered verdict = "not covered"
	unbuilt   verdict = "does not compile" // does not count
)

type result struct {
	mutant
	verdict verdict
}

// A trial tests mutants until it has tested enough of them or the time is up.
type trial struct {
	dir   string
	bases []base
	ends  time.Time
	want  int

	mu   sync.Mutex
	left []mutant
	open int // being tried
	done []result
	err  error
}

func (t *trial) next() (m mutant, number int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil || len(t.left) == 0 || len(t.done)+t.open >= t.want || time.Now().After(t.ends) {
		return m, 0, false
	}
	m, t.left = t.left[0], t.left[1:]
	t.open++
	return m, len(t.left), true
}

func (t *trial) work() {
	for m, number, ok := t.next(); ok; m, number, ok = t.next() {
		v, err := t.try(m, filepath.Join(t.dir, fmt.Sprintf("mutant-%d", number)))
		t.mu.Lock()
		t.open--
		t.err = errors.Join(t.err, err)
		if v != unbuilt {
			t.done = append(t.done, result{m, v})
			fmt.Printf("%d/%d %s:%d %s: %s\n", len(t.done), t.want, m.file, m.line, m.what, v)
		}
		t.mu.Unlock()
	}
}

// try runs the tests of the mutant's package. It first runs the tests that need no installed
// programs. If these find nothing, it runs the other tests.
func (t *trial) try(m mutant, scratch string) (verdict, error) {
	b := t.bases[slices.IndexFunc(t.bases, func(b base) bool { return b.name == filepath.Dir(m.file) })]
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: scratch + ".go"}})
	if err != nil {
		return "", err
	}
	changed := string(source[:m.from]) + m.with + string(source[m.to:])
	if err := errors.Join(os.WriteFile(scratch+".go", []byte(changed), 0o600), os.WriteFile(scratch+".json", overlay, 0o600)); err != nil {
		return "", err
	}
	if !b.covers(m) {
		if exec.Command("go", "build", "-overlay", scratch+".json", "./"+b.name).Run() != nil {
			return unbuilt, nil
		}
		return uncovered, nil
	}
	for _, short := range []string{"-short=true", "-short=false"} {
		limit := 3*b.took + time.Minute
		ctx, cancel := context.WithTimeout(context.Background(), limit+time.Minute)
		said, err := exec.CommandContext(ctx, "go", "test", "-count=1", "-failfast", "-vet=off", short, "-timeout", limit.String(),
			"-overlay", scratch+".json", "./"+b.name).CombinedOutput()
		cancel()
		switch {
		case strings.Contains(string(said), "[build failed]"):
			return unbuilt, nil
		case strings.Contains(string(said), "panic: test timed out") || ctx.Err() == context.DeadlineExceeded:
			return timedOut, nil
		case err != nil:
			return killed, nil
		}
	}
	return survived, nil
}
