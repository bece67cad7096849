package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"ocgo-key/internal/atomicfile"
)

// report is the result of a section.
type report struct {
	title   string
	machine string
	command string   // the command that repeats the measurement
	columns []string // the columns of every row
	rows    []row
	notes   []string // how it was measured, one paragraph each
}

// row is one measured value.
type row struct {
	cells  []string // one for each of report.columns
	target string   // empty: no target
	met    bool
}

func (r row) verdict() string {
	switch {
	case r.target == "":
		return ""
	case r.met:
		return "met"
	}
	return "**not met**"
}

func (r *report) header() []string { return append(slices.Clone(r.columns), "target", "") }

func (r *report) line(w row) []string { return append(slices.Clone(w.cells), w.target, w.verdict()) }

// text returns the report for a terminal.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", r.title, r.machine)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(r.header(), "\t"))
	for _, row := range r.rows {
		fmt.Fprintln(w, strings.ReplaceAll(strings.Join(r.line(row), "\t"), "**", ""))
	}
	_ = w.Flush() // into memory
	for _, n := range r.notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	return b.String()
}

// markdown returns the report as a section of the page.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\nMachine: %s. Command: `%s`.\n\n", r.title, r.machine, r.command)
	table := [][]string{r.header(), slices.Repeat([]string{"---"}, len(r.columns)+2)}
	for _, row := range r.rows {
		table = append(table, r.line(row))
	}
	for _, line := range table {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
	}
	for _, n := range r.notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	return b.String()
}

// pageHead is the beginning of a new page. In an existing page, a person may have edited it.
const pageHead = `# Benchmarks

` + "`make bench`" + ` writes this page: each part of internal/dev/bench writes the section between its marks.
`

// writeSection replaces the section in the page with text, and leaves everything else unchanged.
func writeSection(page, name, text string) error {
	old, err := os.ReadFile(page)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte(pageHead), nil
	}
	if err != nil {
		return err
	}
	updated, err := replaceSection(old, name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return atomicfile.Write(page, updated, 0o644, false)
}

// replaceSection returns the page with text between the section's marks. A section without marks is
// added at the end.
func replaceSection(page []byte, name, text string) ([]byte, error) {
	begin := fmt.Appendf(nil, "<!-- %s: begin -->\n", name)
	end := fmt.Appendf(nil, "<!-- %s: end -->\n", name)
	whole := slices.Concat(begin, []byte(strings.TrimSpace(text)), []byte("\n"), end)
	before, rest, found := bytes.Cut(page, begin)
	if !found {
		if bytes.Contains(page, end) {
			return nil, fmt.Errorf("section %s has an end without a beginning", name)
		}
		return slices.Concat(bytes.TrimRight(page, "\n"), []byte("\n\n"), whole), nil
	}
	_, after, found := bytes.Cut(rest, end)
	if !found {
		return nil, fmt.Errorf("section %s has a beginning without an end", name)
	}
	return slices.Concat(before, whole, after), nil
}
