package doctor

import (
	"encoding/json"
	"fmt"

	"ocgo-key/internal/text"
)

// Levels of a finding.
const (
	Problem = "problem" // something does not work as it should
	Note    = "note"    // everything works, but the user should know this
)

// A Finding is one problem or one note.
type Finding struct {
	Check string `json:"check"`
	Level string `json:"level"`
	What  string `json:"what"` // what is wrong and why that matters; never a key or text from a file that may contain a key
	Fix   string `json:"fix"`  // a command line for the user's shell

	repair repair // nil if there is none
}

// MarshalJSON adds the member "mend" with the same value as "fix", for older scripts.
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
	Well     string // shown if there is no finding
	Skipped  string // why the check did not run; another check reports the cause
	Findings []Finding
}

// found adds a finding and returns it. Each text becomes one line without control characters.
func (r *Result) found(level, fix, format string, args ...any) *Finding {
	what := text.Line(fmt.Sprintf(format, args...))
	r.Findings = append(r.Findings, Finding{Check: r.Check, Level: level, What: what, Fix: text.Line(fix)})
	return &r.Findings[len(r.Findings)-1]
}

// fixable adds a problem that [Repair] fixes.
func (r *Result) fixable(repair repair, format string, args ...any) {
	r.found(Problem, RepairCommand, format, args...).repair = repair
}
