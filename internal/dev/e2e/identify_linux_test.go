package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	known "ocgo-key/helper/opencode"
)

// realSecond returns the path of the real OpenCode 2, which the Makefile installs. The variable
// OPENCODE2_BIN names it, since OpenCode 1 and 2 have the same program name.
func realSecond(t *testing.T) string {
	t.Helper()
	path := os.Getenv("OPENCODE2_BIN")
	require.FileExists(t, path, "OpenCode 2 is not installed, or OPENCODE2_BIN does not name it; `make deps` does both")
	return path
}

// Both real OpenCodes are identified without running them: in their npm packages, through a link,
// and as single programs, as curl and Homebrew install them.
func TestIdentifyRealOpenCode(t *testing.T) {
	first, err := exec.LookPath("opencode")
	require.NoError(t, err)
	for path, want := range map[string]struct {
		generation int
		version    string
	}{first: {1, "1.18.33"}, realSecond(t): {2, "2.0.15"}} {
		dir := t.TempDir()
		linked := filepath.Join(dir, "linked")
		require.NoError(t, os.Symlink(path, linked))
		bare := filepath.Join(dir, "opencode")
		real, err := filepath.EvalSymlinks(path)
		require.NoError(t, err)
		if os.Link(real, bare) != nil {
			content, err := os.ReadFile(real)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(bare, content, 0o755))
		}
		cache := known.OpenCache(dir)
		for _, way := range []string{path, linked, bare, bare} {
			p, err := known.Identify(way, cache)
			require.NoError(t, err, way)
			assert.Equal(t, want.generation, p.Generation, way)
			assert.Equal(t, want.version, p.Version, way)
			assert.True(t, p.Tested(), way)
		}
		kept, err := os.ReadFile(filepath.Join(dir, known.ProgramsName))
		require.NoError(t, err)
		assert.Contains(t, string(kept), want.version)
	}
}
