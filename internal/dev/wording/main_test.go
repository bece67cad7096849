package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCollect(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	write("a.go", "// Package a does what one of its kind does. It is small. It fits on one line.\npackage a\n\nconst message, form = \"the key of %s was not stored\", \"%s: %d of %d %v\"\n\n// times shows how a number is written.\nfunc times() {}\n")
	write("b.md", "# A title of many words here\n\nThe first sentence ends here, e.g. with a dot. The second one\nhas two lines of text.\n\n- A list has sentences as well.\n\n```\ncode has none of them at all\n```\n")
	all, err := collect(root)
	require.NoError(t, err)
	var texts []string
	for _, s := range all {
		texts = append(texts, strings.ReplaceAll(s.String(), root+"/", ""))
	}
	assert.Equal(t, []string{
		"Package a does what one of its kind does. (a.go)",
		"(Package a does what one of its kind does. It is small.) It fits on one line. (a.go)",
		"`times` shows how a number is written. (a.go)",
		"the key of %s was not stored (a.go)",
		"The first sentence ends here, e.g. with a dot. (b.md)",
		"(The first sentence ends here, e.g. with a dot.) The second one has two lines of text. (b.md)",
		"A list has sentences as well. (b.md)",
	}, texts)
	assert.Len(t, draw(all, 3, 1), 3)
	assert.Equal(t, draw(all, 3, 1), draw(all, 3, 1))
	assert.Len(t, draw(all, 9, 1), 7)
}
