package doctor

import (
	"fmt"

	"ocgo-key/internal/text"
)

// Levels of a finding.
const (
	Problem = "problem" // something does not work, or not as it should
	Note    = "note"    // worth knowing; all works
)

// A Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Check string `json:"check"`
	Level string `json:"level"`
	What  string `json:"what"` // what is wrong, and why that matters; no key, and no text out of a file that may hold one
	Mend  string `json:"mend"` // the fix: a command line for the user's shell

	repair repair // nil where nothing can be repaired
}

// of makes a finding, for a check that has no result at hand.
func of(level, mend, what string) Finding { return Finding{Level: level, Mend: mend, What: what} }

// A Result is the outcome of one check.
type Result struct {
	Check    string
	Well     string // what is shown where nothing was found
	Skipped  string // why it could not be made, where another check says what is wrong
	Findings []Finding
}

// found adds a finding and returns it. Its text is made one line that is safe on a terminal.
func (r *Result) found(level, mend, format string, args ...any) *Finding {
	r.Findings = append(r.Findings, Finding{Check: r.Check, Level: level, What: text.Line(fmt.Sprintf(format, args...)), Mend: text.Line(mend)})
	return &r.Findings[len(r.Findings)-1]
}

// fixable adds a problem that [Repair] fixes.
func (r *Result) fixable(repair repair, format string, args ...any) {
	r.found(Problem, RepairCommand, format, args...).repair = repair
}

// take adds findings that were made with [of].
func (r *Result) take(all ...[]Finding) {
	for _, findings := range all {
		for _, f := range findings {
			r.found(f.Level, f.Mend, "%s", f.What)
		}
	}
}
