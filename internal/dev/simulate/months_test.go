//go:build !check

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program still produces the stored outcomes. The test simulates one month of each kind; `make
// strategies` simulates all.
func TestTheMonthsAreCurrent(t *testing.T) {
	all, want := plays(), stored(t)
	var sample []play
	var numbers []int
	for i := range kinds() {
		number := i*months + i%months
		sample, numbers = append(sample, all[number]), append(numbers, number)
	}
	got, err := playAll(sample)
	require.NoError(t, err)
	for i, number := range numbers {
		assert.Equal(t, want[number], got[i], "month %d, %+v: `make strategies` writes it anew", number, sample[i])
	}
}
