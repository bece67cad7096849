package doctor

import (
	"encoding/json"
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
	Fix   string `json:"fix"`  // a command line for the user's shell

	repair repair // nil if there is none
}

// MarshalJSON adds the member "mend", which has the fix as well: older scripts read it.
func (f Finding) MarshalJSON() ([]byte, error) {
	type members Finding
	return json.Marshal(struct {
		members
		Mend string `json:"mend"`
	}{members(f), f.Fix})
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
	what := text.Line(fmt.Sprintf(format, args...))
	r.Findings = append(r.Findings, Finding{Check: r.Check, Level: level, What: what, Fix: text.Line(fix)})
	return &r.Findings[len(r.Findings)-1]
}

// fixable adds a problem that [Repair] fixes.
func (r *Result) fixable(repair repair, format string, args ...any) {
	r.found(Problem, RepairCommand, format, args...).repair = repair
}
