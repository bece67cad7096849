package doctor

import (
	"fmt"

	"ocgo-key/internal/text"
)

// Levels of a finding.
const (
	Problem = "problem" // something does not work, or not as it should
	Note    = "note"    // worth knowing; everything works
)

// A Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Check string `json:"check"`
	Level string `json:"level"`
	What  string `json:"what"` // what is wrong and why that matters; never a key, nor text from a file that may hold one
	Mend  string `json:"mend"` // the same as Fix, for older scripts
	Fix   string `json:"fix"`  // a command line for the user's shell

	repair repair // nil if there is none
}

// A Result is the outcome of one check.
type Result struct {
	Check    string
	Well     string // shown if nothing was found
	Skipped  string // why the check was not made; another check reports the cause
	Findings []Finding
}

// found adds a finding and returns it. Its texts are made safe for a terminal, one line each.
func (r *Result) found(level, fix, format string, args ...any) *Finding {
	fix = text.Line(fix)
	r.Findings = append(r.Findings, Finding{Check: r.Check, Level: level, What: text.Line(fmt.Sprintf(format, args...)), Mend: fix, Fix: fix})
	return &r.Findings[len(r.Findings)-1]
}

// fixable adds a problem that [Repair] fixes.
func (r *Result) fixable(repair repair, format string, args ...any) {
	r.found(Problem, RepairCommand, format, args...).repair = repair
}
