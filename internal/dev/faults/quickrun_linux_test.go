//go:build !check

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQuickRun injects every fault of the page, at some of the steps.
func TestQuickRun(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "ocgo-key")
	build := exec.Command("go", "build", "-o", binary, filepath.Join("..", "..", ".."))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	page := filepath.Join(dir, "reliability.md")
	var stdout, stderr bytes.Buffer
	require.NoError(t, faults([]string{"-every", "30", "-binary", binary, "-out", page}, &stdout, &stderr), "%s%s", &stdout, &stderr)

	written, err := os.ReadFile(page)
	require.NoError(t, err)
	rows := 0
	for line := range strings.Lines(string(written)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| fault") || strings.HasPrefix(line, "| ---") {
			continue
		}
		rows++
		cells := strings.Split(line, " | ")
		require.Len(t, cells, 5, line)
		assert.NotEqual(t, "0", cells[2], "%s: the fault never occurred", cells[0])
		assert.Equal(t, "nothing |\n", cells[4], cells[0])
	}
	assert.Equal(t, 2*len(scenarios())+19, rows)
	assert.NotContains(t, string(written), dir)
}
