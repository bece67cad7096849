package importrules

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shownBy is the last column of a table of claims.
const shownBy = "shown by"

var (
	testName   = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*|[a-z0-9-]+\\.txtar)`")
	tableRule  = regexp.MustCompile(`^[|: -]*---[|: -]*\s*$`) // between a table's head and its rows
	testInCode = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)\(`)
)

// unshown returns the errors in a page's tables of claims: tests that do not exist, and claims
// without a test. For a claim that cannot be tested, the table has "*none*: REASON".
func unshown(page string, tests map[string]bool) (wrong []string, claims int) {
	for _, name := range testName.FindAllStringSubmatch(page, -1) {
		if !tests[name[1]] {
			wrong = append(wrong, "there is no "+name[1])
		}
	}
	within := false
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		last := strings.TrimSpace(cells[len(cells)-1])
		switch {
		case !strings.HasPrefix(line, "|"):
			within = false
		case last == shownBy:
			within = true
		case within && !tableRule.MatchString(line):
			claims++
			why, none := strings.CutPrefix(last, "*none*: ")
			if !testName.MatchString(last) && (!none || why == "") {
				wrong = append(wrong, "nothing shows: "+strings.TrimSpace(cells[0]))
			}
		}
	}
	return wrong, claims
}

// existingTests returns the names of the tests, fuzz targets and scripts of this project.
func existingTests(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	root := filepath.Join("..", "..", "..")
	list := exec.Command("go", "list", "-tags", "attacks", "-f", `{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, "./...")
	list.Dir, list.Env = root, append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	out, err := list.Output()
	require.NoError(t, err)
	for path := range strings.Lines(string(out)) {
		if path = strings.TrimSpace(path); path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range testInCode.FindAllStringSubmatch(string(text), -1) {
			tests[name[1]] = true
		}
	}
	scripts, err := filepath.Glob(filepath.Join(root, "internal", "cli", "testdata", "*", "*.txtar"))
	require.NoError(t, err)
	for _, path := range scripts {
		tests[filepath.Base(path)] = true
	}
	return tests
}

// Each claim of the threat model must name a test, or say why there is none.
func TestThreatModelIsTested(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "threat-model.md"))
	require.NoError(t, err)
	wrong, claims := unshown(string(page), existingTests(t))
	assert.Empty(t, wrong)
	assert.Greater(t, claims, 40, "the test does not find the tables of claims")
}

func TestUnshownClaimsAreSeen(t *testing.T) {
	const page = "See `TestGone`.\n\n| claim | shown by |\n|---|---|\n| a | `TestHere`, `FuzzHere` |\n| b | `here.txtar` |\n| c | |\n| d | *none*: |\n" +
		"| e | *none*: not run |\n| f | a look |\n| g | `gone.txtar` |\n\n| place | when |\n|---|---|\n| h | always |\n"
	wrong, claims := unshown(page, map[string]bool{"TestHere": true, "FuzzHere": true, "here.txtar": true})
	assert.Equal(t, []string{"there is no TestGone", "there is no gone.txtar", "nothing shows: c", "nothing shows: d", "nothing shows: f"}, wrong)
	assert.Equal(t, 7, claims)
}
