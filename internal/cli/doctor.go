package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
)

type doctorCmd struct {
	Repair bool `help:"Mend what can be mended without losing anything, then look again."`
}

func (*doctorCmd) Help() string {
	return `Looks at the state, the accounts, the keychain, the service, OpenCode and what stands in the pool's way, and names the command that mends each finding. It changes nothing, shows no key, and makes no window come up. A problem makes the exit code 1; a note is worth knowing and does not.

--repair sets right file modes and broken files of the state, clears away what killed commands left, and lists keys again that no account has. It deletes no key that is not in the keychain twice.

Examples:
  ocgo-key doctor
  ocgo-key doctor --repair
  ocgo-key doctor --json`
}

// Levels of a finding.
const (
	problem = "problem" // something does not work, or not as it should
	note    = "note"    // worth knowing; all works
)

// finding is one thing that is not as it should be.
type finding struct {
	Check string `json:"check"`
	Level string `json:"level"`
	What  string `json:"what"` // what is wrong, and why that matters
	Mend  string `json:"mend"` // a command line for the user's shell

	// repair is what --repair does; nil where it can do nothing. It returns what it did.
	repair func(context.Context) (string, error)
}

// result is what came of one check.
type result struct {
	check    string
	well     string // what is there to say where nothing was found
	skipped  string // why it could not be made, where another check says what is wrong
	findings []finding
}

// found adds a finding, which is returned so that a repair can be given to it.
func (r *result) found(level, mend, format string, args ...any) *finding {
	r.findings = append(r.findings, finding{Check: r.check, Level: level, What: text.Line(fmt.Sprintf(format, args...)), Mend: text.Line(mend)})
	return &r.findings[len(r.findings)-1]
}

// repairCommand is what mends a finding that has a repair.
const repairCommand = "ocgo-key doctor --repair"

// mendable adds a problem that --repair mends.
func (r *result) mendable(repair func(context.Context) (string, error), format string, args ...any) {
	r.found(problem, repairCommand, format, args...).repair = repair
}

// repaired is one thing that --repair did.
type repaired struct {
	Check string `json:"check"`
	What  string `json:"what"`
}

// The shape of `doctor --json` is a contract.
type doctorJSON struct {
	Findings []finding  `json:"findings"`
	OK       bool       `json:"ok"` // there is no problem; there may be notes
	Repaired []repaired `json:"repaired,omitempty"`
}

func (c *doctorCmd) Run(a *app) error {
	a.keys().Unlock(a.budget())
	results := a.examine()
	report := doctorJSON{Findings: []finding{}}
	if c.Repair {
		report.Repaired = a.repair(results)
		results = a.examine()
	}
	problems, mendable := 0, 0
	for _, r := range results {
		for _, f := range r.findings {
			report.Findings = append(report.Findings, f)
			if f.Level == problem {
				problems++
			}
			if f.repair != nil {
				mendable++
			}
		}
	}
	report.OK = problems == 0
	var err error
	if a.JSON {
		err = a.Document(report)
	} else {
		err = a.printDiagnosis(results, report, problems, mendable)
	}
	if err == nil && problems > 0 {
		return &statusError{wrapper.Status{Code: exitGeneral}} // what there is to say was said
	}
	return err
}

// repair mends what can be mended, and tells of what could not.
func (a *app) repair(results []result) []repaired {
	ctx, cancel := context.WithTimeout(context.Background(), keychainLimit)
	defer cancel()
	var done []repaired
	for _, r := range results {
		for _, f := range r.findings {
			if f.repair == nil {
				continue
			}
			what, err := f.repair(ctx)
			if err != nil {
				a.Warn(text.Line(fmt.Sprintf("%s: could not be repaired: %v", f.Check, err)), "")
				continue
			}
			done = append(done, repaired{f.Check, text.Line(what)})
		}
	}
	return done
}

func (a *app) printDiagnosis(results []result, report doctorJSON, problems, mendable int) error {
	var b strings.Builder
	l, screen := a.look(), term.IsTerminal(a.stdout)
	indent := strings.Repeat(" ", levelWidth+1)
	line := func(level, check, what string) {
		lines := []string{check + ": " + what}
		if screen { // elsewhere a line is a finding
			lines = l.wrap(lines[0], l.width-len(indent))
		}
		b.WriteString(l.paint(levelStyle(level), fmt.Sprintf("%-*s", levelWidth, level)) + " " + strings.Join(lines, "\n"+indent) + "\n")
	}
	for _, r := range report.Repaired {
		line("repaired", r.Check, r.What)
	}
	for _, r := range results {
		switch {
		case len(r.findings) > 0:
		case r.skipped != "":
			line("-", r.check, r.skipped)
		default:
			line("ok", r.check, r.well)
		}
		for _, f := range r.findings {
			line(f.Level, f.Check, f.What)
			b.WriteString(indent + "mend: " + l.paint(bold, f.Mend) + "\n") // in one piece, to be copied
		}
	}
	notes := len(report.Findings) - problems
	summary := "all is well"
	if problems > 0 {
		summary = text.Count(problems, "problem", "problems")
	}
	if notes > 0 {
		summary += ", " + text.Count(notes, "note", "notes")
	}
	if mendable > 0 {
		summary += fmt.Sprintf("; `%s` mends %d of them", repairCommand, mendable)
	}
	return a.Print("%s%s\n", b.String(), summary)
}

// levelWidth is that of the first column.
const levelWidth = len("repaired")

func levelStyle(level string) style {
	switch level {
	case problem:
		return red
	case note:
		return yellow
	case "-":
		return faint
	}
	return green
}

// How long a check may take: what asks the keychain, and what asks the service or another program.
const (
	keychainLimit = 8 * time.Second
	serviceLimit  = 5 * time.Second
)

// patience is how long the whole is waited for: the questions to the service that need keys come after the
// keychain's answers, a failed one through a proxy is made once more without it.
const patience = keychainLimit + 2*serviceLimit + 2*time.Second

// examine makes all checks side by side.
func (a *app) examine() []result {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e := a.newExamination(ctx)
	checks := []struct {
		name string
		look func(*result)
	}{
		{"state", e.lookAtState},
		{"accounts", e.lookAtAccounts},
		{"keychain", e.lookAtKeychain},
		{"keys", e.lookAtKeys},
		{"service", e.lookAtService},
		{"clock", e.lookAtClock},
		{"opencode", e.lookAtOpenCode},
		{"config", e.lookAtConfig},
		{"plugin", e.lookAtPlugin},
	}
	results := make([]result, len(checks))
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, check := range checks {
		results[i].check = check.name
		results[i].found(problem, "ocgo-key doctor", "it did not come to an end within %v", patience)
		all.Go(func() {
			r := result{check: check.name}
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
	return append([]result(nil), results...)
}
