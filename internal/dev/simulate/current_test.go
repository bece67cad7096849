package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stored returns the outcomes that `make strategies` has written.
func stored(t *testing.T) []outcome {
	t.Helper()
	text, err := os.ReadFile("testdata/months.txt")
	require.NoError(t, err)
	outcomes, err := parse(string(text))
	require.NoError(t, err)
	require.Len(t, outcomes, len(plays()), "`make strategies` writes them anew")
	assert.Equal(t, string(text), list(outcomes))
	return outcomes
}

// The page shows the stored outcomes, and its recommendation follows from them.
func TestThePageIsCurrent(t *testing.T) {
	want, err := makePage(stored(t))
	require.NoError(t, err)
	got, err := os.ReadFile("../../../docs/strategies.md")
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "`make strategies` writes it anew")
}
