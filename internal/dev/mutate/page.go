package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"time"
)

// judgements has a line for each undetected mutant that a person has examined. The fields of a line
// are separated by tabs: the key, "equivalent" or "open", and the reason.
//
//go:embed judged.txt
var judgements string

// judged returns the judgement of each mutant and its reason, by the mutant's key.
func judged(text string) map[string][2]string {
	found := map[string][2]string{}
	for line := range strings.Lines(text) {
		if parts := strings.Split(strings.TrimSpace(line), "\t"); len(parts) == 3 {
			found[parts[0]] = [2]string{parts[1], parts[2]}
		}
	}
	return found
}

// report is the section of the page.
func report(bases []base, done []result, seed uint64, took time.Duration) string {
	judgement := judged(judgements)
	count := map[string]map[string]int{}
	sum := map[string]int{}
	var rows strings.Builder
	for _, r := range done {
		kind := "killed"
		if r.verdict == survived || r.verdict == uncovered {
			kind = "survived"
			j := judgement[r.key()]
			if j[0] == "equivalent" {
				kind = "equivalent"
			}
			fmt.Fprintf(&rows, "| `%s:%d` | %s | `%s` | %s | %s |\n", r.file, r.line, r.what, strings.ReplaceAll(r.text, "|", `\|`), r.verdict, strings.TrimSpace(j[0]+" "+j[1]))
		}
		for _, b := range bases {
			if strings.HasPrefix(r.file, b.name+"/") {
				if count[b.name] == nil {
					count[b.name] = map[string]int{}
				}
				count[b.name][kind]++
			}
		}
		sum[kind]++
	}
	var page strings.Builder
	fmt.Fprintf(&page, "%d mutants (seed %d) in %v: score %s, the share of killed mutants among all that are not equivalent.\n\n", len(done), seed, took.Round(time.Second), score(sum))
	page.WriteString("| package | coverage | killed | survived | equivalent | score |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, b := range bases {
		n := count[b.name]
		fmt.Fprintf(&page, "| `%s` | %s | %d | %d | %d | %s |\n", b.name, b.coverage, n["killed"], n["survived"], n["equivalent"], score(n))
	}
	if rows.Len() > 0 {
		page.WriteString("\nNot noticed:\n\n| where | change | line |  | judgement |\n| --- | --- | --- | --- | --- |\n" + rows.String())
	}
	return page.String()
}

func score(n map[string]int) string {
	counted := n["killed"] + n["survived"]
	if counted == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n["killed"])/float64(counted))
}

const (
	sectionBegin = "<!-- mutate: begin, by make mutate -->\n"
	sectionEnd   = "<!-- mutate: end -->\n"
)

// writeSection replaces the text between the two marks of the page.
func writeSection(path, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(page), sectionBegin)
	_, after, ends := strings.Cut(rest, sectionEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for it: %q, %q", path, sectionBegin, sectionEnd)
	}
	return os.WriteFile(path, []byte(before+sectionBegin+text+sectionEnd+after), 0o644)
}
