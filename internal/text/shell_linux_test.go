package text

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each installed shell reads every quoted word unchanged and runs no part of it.
func TestQuoteInShells(t *testing.T) {
	words := []string{"$(touch x)", "`touch x`", "a; touch x", "a' ; touch x ; '", `a\`, `a\'$(touch x)`, `\'; touch x; '`, `"; touch x; "`,
		"(touch x)", "a&touch x", "a|touch x", "~", "*", "=ls", "!!", "{a,b}", "#a", "%s\\n", "it's", "", "日本 é", ">x", "a=b,c%d@e+f"}
	tried := 0
	for _, shell := range []string{"sh", "bash", "zsh", "fish"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue // sh is everywhere
		}
		tried++
		for _, word := range words {
			cmd := exec.Command(path, "-c", "printf %s "+Quote(word))
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "%s: %s: %s", shell, word, out)
			assert.Equal(t, word, string(out), shell)
			assert.NoFileExists(t, filepath.Join(cmd.Dir, "x"), "%s ran a part of %s", shell, word)
		}
	}
	require.Positive(t, tried)
}
