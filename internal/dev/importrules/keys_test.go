package importrules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyless are the folders whose code has no use for the key itself, also where a value with a key
// passes through it. Their tests are free.
var keyless = []string{"rotation", "helper/caller", "helper/supervise", "helper/wrapper", "internal/cli"}

// revealing returns the files of a folder that take a key out of its keychain.Secret.
func revealing(t *testing.T, folder string) (files []string, seen int) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, path := range all {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		seen++
		if strings.Contains(string(text), ".Reveal()") {
			files = append(files, path)
		}
	}
	return files, seen
}

func TestKeysAreNotRevealed(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for _, folder := range keyless {
		files, seen := revealing(t, filepath.Join(root, folder))
		assert.Empty(t, files, "%s has no use for a key", folder)
		assert.NotZero(t, seen, "there is no code in %s", folder)
	}
	files, _ := revealing(t, filepath.Join(root, "helper"))
	assert.NotEmpty(t, files, "helper reveals keys, and that is not seen")
}
