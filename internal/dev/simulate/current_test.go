//go:build !check

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page matches the present program, and its recommendation follows from the figures. A separate
// process makes the page, as in `make strategies`: with the race detector it would take minutes.
func TestThePageIsCurrent(t *testing.T) {
	out := filepath.Join(t.TempDir(), "page.md")
	said, err := exec.Command("go", "run", ".", "-out", out).CombinedOutput()
	require.NoError(t, err, "%s", said)
	want, err := os.ReadFile(out)
	require.NoError(t, err)
	got, err := os.ReadFile("../../../docs/strategies.md")
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "`make strategies` writes it anew")
}
