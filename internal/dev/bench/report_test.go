package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplaceSection(t *testing.T) {
	one := "# Page\n\n<!-- a: begin -->\nold a\n<!-- a: end -->\n\nBetween.\n\n<!-- b: begin -->\nold b\n<!-- b: end -->\n"
	for name, c := range map[string]struct{ page, section, want string }{
		"replaced": {one, "a", "# Page\n\n<!-- a: begin -->\nnew\n<!-- a: end -->\n\nBetween.\n\n<!-- b: begin -->\nold b\n<!-- b: end -->\n"},
		"the last": {one, "b", "# Page\n\n<!-- a: begin -->\nold a\n<!-- a: end -->\n\nBetween.\n\n<!-- b: begin -->\nnew\n<!-- b: end -->\n"},
		"added":    {one, "c", one + "\n<!-- c: begin -->\nnew\n<!-- c: end -->\n"},
		"no lines": {"# Page", "c", "# Page\n\n<!-- c: begin -->\nnew\n<!-- c: end -->\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := replaceSection([]byte(c.page), c.section, "\nnew\n\n")
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
			again, err := replaceSection(got, c.section, "new")
			require.NoError(t, err)
			assert.Equal(t, string(got), string(again), "a second call must change nothing")
		})
	}
	for _, broken := range []string{"<!-- a: begin -->\nx\n", "x\n<!-- a: end -->\n", "<!-- a: end -->\n<!-- a: begin -->\n"} {
		_, err := replaceSection([]byte(broken), "a", "new")
		assert.Error(t, err, "broken marks must be an error: %q", broken)
	}
}

func TestWriteSectionBeginsThePage(t *testing.T) {
	page := filepath.Join(t.TempDir(), "benchmarks.md")
	require.NoError(t, writeSection(page, "a", "text"))
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Equal(t, pageHead+"\n<!-- a: begin -->\ntext\n<!-- a: end -->\n", string(got))
	require.NoError(t, os.WriteFile(page, []byte("<!-- a: begin -->\n"), 0o600))
	assert.ErrorContains(t, writeSection(page, "a", "text"), page)
}

func TestReport(t *testing.T) {
	r := report{title: "T", machine: "m", command: "c", columns: []string{"measure", "x"}, rows: []row{
		{cells: []string{"one", "1"}, target: "2", met: true}, {cells: []string{"two", "3"}, target: "2"}, {cells: []string{"three", "4"}},
	}, notes: []string{"Note."}}
	assert.Equal(t, "## T\n\nMachine: m. Command: `c`.\n\n| measure | x | target |  |\n| --- | --- | --- | --- |\n"+
		"| one | 1 | 2 | met |\n| two | 3 | 2 | **not met** |\n| three | 4 |  |  |\n\nNote.\n", r.markdown())
	assert.Equal(t, "T\nm\n\nmeasure  x  target  \none      1  2       met\ntwo      3  2       not met\nthree    4          \n\nNote.\n", r.text())
}

func TestQuantile(t *testing.T) {
	samples := make([]float64, 100)
	for i := range samples {
		samples[i] = float64(100 - i)
	}
	assert.Equal(t, 50.0, median(samples))
	assert.Equal(t, 100.0, samples[0], "median must not change the order of its argument")
	assert.Equal(t, 99.0, quantile(samples, 0.99))
	assert.Equal(t, 100.0, quantile(samples, 1))
	assert.Equal(t, 1.0, quantile(samples, 0))
	assert.True(t, math.IsNaN(quantile(nil, 0.5)))
	assert.Equal(t, []float64{2, 4}, paired([]float64{4, 8, 1}, []float64{2, 2}, per))
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	require.NoError(t, err)
	assert.Len(t, all, len(sections))
	one, err := choose("gateway")
	require.NoError(t, err)
	require.Len(t, one, 1)
	assert.Equal(t, "gateway", one[0].name)
	two, err := choose("start,gateway")
	require.NoError(t, err)
	require.Len(t, two, 2)
	assert.Equal(t, []string{"gateway", "start"}, []string{two[0].name, two[1].name}, "in the page's order")
	_, err = choose("gateway,nonsense")
	assert.ErrorContains(t, err, "nonsense")
}

func TestTurnsAreFair(t *testing.T) {
	for ways, differ := range map[int]int{1: 1, 2: 2, 3: 6, 8: 32, 9: 54} { // how many orders there are
		orders := make(map[string]bool)
		counts, first := make([]int, ways), make([]int, ways)
		var round []int
		require.NoError(t, turns(differ, ways, func(w int) error {
			counts[w]++
			if round = append(round, w); len(round) == ways {
				orders[fmt.Sprint(round)] = true
				first[round[0]]++
				round = nil
			}
			return nil
		}))
		assert.Len(t, orders, differ, "%d ways: no order may occur twice", ways)
		assert.Equal(t, slices.Repeat([]int{differ}, ways), counts, "%d ways", ways)
		assert.Equal(t, slices.Repeat([]int{differ / ways}, ways), first, "%d ways: each must be first equally often", ways)
	}
	assert.ErrorIs(t, turns(3, 3, func(int) error { return os.ErrClosed }), os.ErrClosed)
}
