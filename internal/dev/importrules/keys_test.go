package importrules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyless lists the folders whose code never needs the text of a key. They may pass on a
// keychain.Secret. The rule does not apply to their tests.
var keyless = []string{"rotation", "helper/caller", "helper/supervise", "helper/wrapper", "internal/cli"}

// revealing returns the files of a folder that call Reveal of a keychain.Secret.
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
		assert.Empty(t, files, "%s must not reveal keys", folder)
		assert.NotZero(t, seen, "there is no code in %s", folder)
	}
	files, _ := revealing(t, filepath.Join(root, "helper"))
	assert.NotEmpty(t, files, "the search must find that helper reveals keys")
}
