package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/doctor"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
)

type doctorCmd struct {
	Repair bool `help:"Fix what can be fixed without losing anything, then check again."`
}

func (*doctorCmd) Help() string {
	return `Checks the state, the accounts, the keychain, the service, OpenCode and settings that bypass the pool, and names the command that fixes each finding. It changes nothing, shows no key, and opens no window. A problem sets the exit code to 1; a note does not.

--repair corrects file modes and broken state files, removes what killed commands left behind, and adds an account again for each stored key that has none. It deletes a key only if the keychain has a second copy.

Examples:
  ocgo-key doctor
  ocgo-key doctor --repair
  ocgo-key doctor --json`
}

// doctorJSON is the output of `doctor --json`. Scripts depend on its format.
type doctorJSON struct {
	Findings []doctor.Finding  `json:"findings"`
	OK       bool              `json:"ok"` // no problem; there may be notes
	Repaired []doctor.Repaired `json:"repaired,omitempty"`
}

func (c *doctorCmd) Run(a *app) error {
	a.keys().Unlock(a.budget())
	options := doctor.Options{Getenv: a.getenv, Keys: a.keys(), Service: a.baseURL, Offline: a.inAgentsShell(), Open: a.pool}
	results := doctor.Examine(options)
	report := doctorJSON{Findings: []doctor.Finding{}}
	if c.Repair {
		// A repair may uncover another fault: if a link replaces the state file, only its removal
		// shows that the state is missing. So a second round repairs what it finds.
		for again := 0; again < 2 && slices.ContainsFunc(results, doctor.Result.Repairable); again++ {
			report.Repaired = append(report.Repaired, doctor.Repair(results, a.Terminal)...)
			results = doctor.Examine(options)
		}
	}
	problems, repairable := 0, 0
	for _, r := range results {
		for _, f := range r.Findings {
			report.Findings = append(report.Findings, f)
			if f.Level == doctor.Problem {
				problems++
			}
			if f.Repairable() {
				repairable++
			}
		}
	}
	report.OK = problems == 0
	var err error
	if a.JSON {
		err = a.Document(report)
	} else {
		err = printDiagnosis(a, results, report, problems, repairable)
	}
	if err == nil && problems > 0 {
		return &statusError{wrapper.Status{Code: exitGeneral}} // the findings are already printed
	}
	return err
}

func printDiagnosis(a *app, results []doctor.Result, report doctorJSON, problems, repairable int) error {
	var b strings.Builder
	l, screen := a.layout(), term.IsTerminal(a.stdout)
	indent := strings.Repeat(" ", levelWidth+1)
	line := func(level, check, what string) {
		lines := []string{check + ": " + what}
		if screen { // in a file or pipe, one line per finding
			lines = l.wrap(lines[0], l.width-len(indent))
		}
		b.WriteString(l.paint(levelStyle(level), fmt.Sprintf("%-*s", levelWidth, level)) + " " + strings.Join(lines, "\n"+indent) + "\n")
	}
	for _, r := range report.Repaired {
		line("repaired", r.Check, r.What)
	}
	for _, r := range results {
		switch {
		case len(r.Findings) > 0:
		case r.Skipped != "":
			line("-", r.Check, r.Skipped)
		default:
			line("ok", r.Check, r.Well)
		}
		for _, f := range r.Findings {
			line(f.Level, f.Check, f.What)
			b.WriteString(indent + "fix: " + l.paint(bold, f.Fix) + "\n") // not wrapped, so that it can be copied
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
	if repairable > 0 {
		summary += fmt.Sprintf("; `%s` fixes %d of them", doctor.RepairCommand, repairable)
	}
	return a.Print("%s%s\n", b.String(), summary)
}

// levelWidth is the width of the first column.
const levelWidth = len("repaired")

func levelStyle(level string) style {
	return cmp.Or(map[string]style{doctor.Problem: red, doctor.Note: yellow, "-": faint}[level], green)
}
