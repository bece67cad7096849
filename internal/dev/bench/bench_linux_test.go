package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoBinary(t *testing.T) {
	err := bench([]string{"-binary", filepath.Join(t.TempDir(), "none")}, new(bytes.Buffer), new(bytes.Buffer))
	assert.ErrorContains(t, err, "make build")
}

func TestMemoryAndProcessorTimeOfThisProcess(t *testing.T) {
	m, err := memoryOf(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, m.rss, float64(1<<20))
	assert.Greater(t, m.anon, float64(1<<20))
	assert.LessOrEqual(t, m.anon, m.rss)
	used, err := processorTime(os.Getpid())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, used, 0.0)
	assert.Less(t, used, 3600.0)
}
