package importrules

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	// citation is a page and one of its sections, as a comment cites them: docs/facts.md, "Errors".
	citation = regexp.MustCompile(`docs/([a-z0-9/-]+\.md),\s"([^"]+)"`)
	// commentLine matches the beginning of a comment's continuation line.
	commentLine = regexp.MustCompile(`\n\s*//\s*`)
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
	// unwritten matches the names of pages that are not in the repository.
	unwritten = regexp.MustCompile(`opencode2?-facts|design\.md|the design's`)
)

// badCitations returns the citations in a source text whose page or section does not exist.
// sections has the headings of each page.
func badCitations(source string, sections map[string][]string) (bad []string, good int) {
	source = commentLine.ReplaceAllString(source, " ")
	for _, c := range citation.FindAllStringSubmatch(source, -1) {
		if slices.Contains(sections[c[1]], c[2]) {
			good++
		} else {
			bad = append(bad, c[0])
		}
	}
	return append(bad, unwritten.FindAllString(source, -1)...), good
}

// Each section that the code cites must exist in a page of docs.
func TestCitations(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	sections := map[string][]string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, h := range heading.FindAllStringSubmatch(string(text), -1) {
			sections[filepath.Base(page)] = append(sections[filepath.Base(page)], h[1])
		}
	}
	cited := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".js" || d.Name() == "citations_test.go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		bad, good := badCitations(string(text), sections)
		assert.Empty(t, bad, path)
		cited += good
		return nil
	}))
	assert.Greater(t, cited, 10, "the test does not find the citations")
}

func TestBadCitationsAreSeen(t *testing.T) {
	bad, good := badCitations("// As docs/a.md,\n\t// \"Here\", says; docs/a.md, \"Gone\"; docs/b.md, \"Here\"; opencode-facts, \"Here\".", map[string][]string{"a.md": {"Here"}})
	assert.Equal(t, []string{`docs/a.md, "Gone"`, `docs/b.md, "Here"`, "opencode-facts"}, bad)
	assert.Equal(t, 1, good)
}
