package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const source = `package p

func f(a, b int, ready bool) (int, error) {
	if ready {
		a++
	}
	for a < b && ready {
		b = b - 1
		g()
	}
	c := a
	return c, nil
}

func ok(s string) bool { return s == "" }
`

func TestMutantsOf(t *testing.T) {
	found, err := mutantsOf("p/f.go", []byte(source))
	require.NoError(t, err)
	var got []string
	for _, m := range found {
		got = append(got, m.what+": "+source[m.from:m.to]+" -> "+m.with)
	}
	assert.ElementsMatch(t, []string{
		"negated: ready -> !(ready)", "removed: a++ -> ", "logic: && -> ||", "boundary: < -> <=",
		"removed: b = b - 1 -> ", "arithmetic: - -> +", "removed: g() -> ", "zeroed: return c, nil -> return 0, nil",
		`zeroed: return s == "" -> return !(s == "")`, "negated: == -> !=",
	}, got)
	assert.Equal(t, "p/f.go: negated: if ready {", found[0].key())
	assert.Equal(t, 4, found[0].line)
}

func TestCovers(t *testing.T) {
	b := base{covered: []string{"p/f.go:4.11,6.3 1 7"}}
	assert.True(t, b.covers(mutant{file: "p/f.go", line: 5}))
	assert.False(t, b.covers(mutant{file: "p/f.go", line: 7}))
	assert.False(t, b.covers(mutant{file: "p/g.go", line: 5}))
}

func TestReport(t *testing.T) {
	m := mutant{file: "p/f.go", line: 5, what: "removed", text: "a || b"}
	old := judgements
	t.Cleanup(func() { judgements = old })
	judgements = m.key() + "\tequivalent\tboth are true\n"
	other := m
	other.text = "c"
	page := report([]base{{name: "p", coverage: "90%"}}, []result{{m, killed}, {m, timedOut}, {other, killed}, {m, survived}, {other, uncovered}}, 1, time.Minute)
	assert.Contains(t, page, "5 mutants (seed 1) in 1m0s: score 75.0 %")
	assert.Contains(t, page, "| `p` | 90% | 3 | 1 | 1 | 75.0 % |")
	assert.Contains(t, page, "| `p/f.go:5` | removed | `a \\|\\| b` | survived | equivalent both are true |\n")

	path := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(path, []byte("# Page\n"+sectionBegin+"old\n"+sectionEnd+"rest\n"), 0o600))
	require.NoError(t, writeSection(path, page))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "# Page\n"+sectionBegin+"5 mutants") && strings.HasSuffix(string(text), sectionEnd+"rest\n"))
	assert.Error(t, writeSection(filepath.Join(t.TempDir(), "none"), page))
}
