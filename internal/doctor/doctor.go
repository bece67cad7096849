// Package doctor looks for what is not as it should be, and says how to mend it. Checks change nothing and print nothing;
// a finding may have a repair, which the command line runs when it is asked to.
//
// A new check is a method of the type in the file of its subject, called by the look that is there; a new subject is a file
// with a type of its own, and a row in the table of Examine.
package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ocgo-key/internal/report"
	"ocgo-key/internal/text"
)

// Levels of a finding.
const (
	Problem = "problem" // something does not work, or not as it should
	Note    = "note"    // worth knowing; all works
)

// A Finding is one thing that is not as it should be.
type Finding struct {
	Check string `json:"check"`
	Level string `json:"level"`
	What  string `json:"what"` // what is wrong, and why that matters; no key, and no text out of a file that may hold one
	Mend  string `json:"mend"` // a command line for the user's shell

	repair repair // nil where nothing can be repaired
}

// Repairable reports whether [Repair] can put it right.
func (f Finding) Repairable() bool { return f.repair != nil }

// A repair puts a finding right, and returns what it did.
type repair = func(context.Context) (string, error)

func of(level, mend, what string) Finding { return Finding{Level: level, Mend: mend, What: what} }

// A Result is what came of one check.
type Result struct {
	Check    string
	Well     string // what is there to say where nothing was found
	Skipped  string // why it could not be made, where another check says what is wrong
	Findings []Finding
}

// found adds a finding, which is returned so that a repair can be given to it.
func (r *Result) found(level, mend, format string, args ...any) *Finding {
	r.Findings = append(r.Findings, Finding{Check: r.Check, Level: level, What: text.Line(fmt.Sprintf(format, args...)), Mend: text.Line(mend)})
	return &r.Findings[len(r.Findings)-1]
}

// RepairCommand is what mends a finding that has a repair.
const RepairCommand = "ocgo-key doctor --repair"

// mendable adds a problem that --repair mends.
func (r *Result) mendable(repair repair, format string, args ...any) {
	r.found(Problem, RepairCommand, format, args...).repair = repair
}

// take adds findings.
func (r *Result) take(all ...[]Finding) {
	for _, findings := range all {
		for _, f := range findings {
			r.found(f.Level, f.Mend, "%s", f.What)
		}
	}
}

// Repaired is one thing that a repair did.
type Repaired struct {
	Check string `json:"check"`
	What  string `json:"what"`
}

// Repair mends what can be mended, and tells of what could not.
func Repair(results []Result, tell report.Reporter) []Repaired {
	ctx, cancel := context.WithTimeout(context.Background(), keychainLimit)
	defer cancel()
	var done []Repaired
	for _, r := range results {
		for _, f := range r.Findings {
			if f.repair == nil {
				continue
			}
			what, err := f.repair(ctx)
			if err != nil {
				tell.Warn(text.Line(fmt.Sprintf("%s: could not be repaired: %v", f.Check, err)), "")
				continue
			}
			done = append(done, Repaired{f.Check, text.Line(what)})
		}
	}
	return done
}

// How long a check may take: what asks the keychain, and what asks the service or another program.
const (
	keychainLimit = 8 * time.Second
	serviceLimit  = 5 * time.Second
)

// patience is how long the whole is waited for: the questions to the service that need keys come after the
// keychain's answers, a failed one through a proxy is made once more without it.
const patience = keychainLimit + 2*serviceLimit + 2*time.Second

// Examine makes all checks side by side.
func Examine(o Options) []Result {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e := newExamination(ctx, o)
	checks := []struct {
		name string
		look func(*Result)
	}{
		{"state", stateCheck{e}.lookAtState},
		{"accounts", accountsCheck{e}.lookAtAccounts},
		{"keychain", keychainCheck{e}.lookAtKeychain},
		{"keys", keysCheck{e}.lookAtKeys},
		{"service", serviceCheck{e}.lookAtService},
		{"clock", serviceCheck{e}.lookAtClock},
		{"opencode", configCheck{e}.lookAtOpenCode},
		{"config", configCheck{e}.lookAtConfig},
		{"plugin", pluginCheck{e}.lookAtPlugin},
	}
	results := make([]Result, len(checks))
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, check := range checks {
		results[i].Check = check.name
		results[i].found(Problem, "ocgo-key doctor", "it did not come to an end within %v", patience)
		all.Go(func() {
			r := Result{Check: check.name}
			check.look(&r)
			mu.Lock()
			defer mu.Unlock()
			results[i] = r
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done(): // a folder on a network that is gone, say: what is left of it ends with this process
	}
	mu.Lock()
	defer mu.Unlock()
	return append([]Result(nil), results...)
}
