//go:build !check

package choice

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func isTracked(t *testing.T, folder string) bool {
	t.Helper()
	file, err := Look(folder, "")
	require.NoError(t, err)
	return file.Tracked
}

// With each version of the index, and in worktrees, a file counts as tracked after `git add`.
func TestTrackedFiles(t *testing.T) {
	for _, format := range [][]string{nil, {"update-index", "--index-version", "3"}, {"update-index", "--index-version", "4"}, {"--sha256"}} {
		dir := real(t)
		if format != nil && format[0] == "--sha256" {
			git(t, dir, "init", "-q", "--object-format=sha256")
			format = nil
		} else {
			git(t, dir, "init", "-q")
		}
		for _, name := range []string{".ocgo-kex", "a/.ocgo-key", ".ocgo-key", "a/b/c/.ocgo-key", "z"} {
			put(t, filepath.Join(dir, name), "Work\n")
		}
		assert.False(t, isTracked(t, dir), "nothing was added")
		git(t, dir, "add", ".ocgo-kex", "a/.ocgo-key", "z")
		if format != nil {
			git(t, dir, format...)
		}
		assert.False(t, isTracked(t, dir), "%v", format)
		assert.True(t, isTracked(t, filepath.Join(dir, "a")), "%v", format)
		assert.False(t, isTracked(t, filepath.Join(dir, "a", "b", "c")), "%v", format)
		git(t, dir, "add", "-N", ".ocgo-key")
		assert.True(t, isTracked(t, dir), "%v", format)
		git(t, dir, "add", ".")
		git(t, dir, "commit", "-qm", "all")
		git(t, dir, "worktree", "add", "-q", filepath.Join(dir, "tree"))
		assert.True(t, isTracked(t, filepath.Join(dir, "tree")), "%v", format)
		git(t, dir, "rm", "-q", "--cached", ".ocgo-key")
		assert.False(t, isTracked(t, dir), "%v", format)
		git(t, dir, "update-index", "--split-index")
		assert.True(t, isTracked(t, dir), "a split index has entries in another file")
	}
}

func TestAnIndexThatCannotBeRead(t *testing.T) {
	dir := real(t)
	put(t, filepath.Join(dir, FileName), "Work\n")
	put(t, filepath.Join(dir, ".git", "index"), "nonsense")
	assert.True(t, isTracked(t, dir))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".git")))
	put(t, filepath.Join(dir, ".git"), "nonsense")
	assert.True(t, isTracked(t, dir))
}
