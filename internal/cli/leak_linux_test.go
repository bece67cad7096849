package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain/keychaintest"
)

// TestLeaksAreFound tests the search for leaked keys at the end of every script, since a search
// that never finds anything would pass unnoticed. Each script in testdata/leak leaks a key on
// purpose. Its first line says where the search must find the key.
func TestLeaksAreFound(t *testing.T) {
	scripts, err := filepath.Glob("testdata/leak/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, path := range scripts {
		if !keychaintest.Installed && strings.HasPrefix(filepath.Base(path), "execve") {
			continue // these start strace
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			first, _, _ := bytes.Cut(text, []byte("\n"))
			want, ok := strings.CutPrefix(string(first), "# want: ")
			require.True(t, ok, "the script does not say what it leaks")
			var caught []keyleak.Leak
			t.Run("script", func(t *testing.T) { runScripts(&scriptT{T: t, caught: &caught}, path) })
			require.NotEmpty(t, caught, "the leak was not found")
			// A key that is in the process table only for a moment may also be found.
			assert.True(t, slices.ContainsFunc(caught, func(leak keyleak.Leak) bool { return strings.Contains(leak.String(), want) }), "%v", caught)
		})
	}
}
