package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCollect(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	write("a.go", "// Package a does what one of its kind does. It is small.\npackage a\n\nconst message = \"the key of %s was not stored\"\n")
	write("b.md", "# A title of many words here\n\nThe first sentence ends here, e.g. with a dot. The second one\nhas two lines of text.\n\n- A list has sentences as well.\n\n```\ncode has none of them at all\n```\n")
	all, err := collect(root)
	require.NoError(t, err)
	var texts []string
	for _, s := range all {
		texts = append(texts, s.text)
	}
	assert.Equal(t, []string{"Package a does what one of its kind does.", "the key of %s was not stored",
		"The first sentence ends here, e.g. with a dot.", "The second one has two lines of text.", "A list has sentences as well."}, texts)
	assert.Len(t, draw(all, 3, 1), 3)
	assert.Equal(t, draw(all, 3, 1), draw(all, 3, 1))
	assert.Len(t, draw(all, 9, 1), 5)
}
