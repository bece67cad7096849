package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/lab"
	"ocgo-key/internal/fakeservice"
)

func shell(script string, prints func(string) bool) *contestant {
	return &contestant{name: "sh", argv: []string{"/bin/sh", "-c", script, "sh"}, stdin: "in", prints: prints}
}

// If a command fails or prints something unexpected, its time is not counted.
func TestContestantDoesWhatItShould(t *testing.T) {
	for script, prints := range map[string]func(string) bool{
		"echo key": exactly("key"), "printf key": exactly("key"), "cat": exactly("in"), "echo a key b": having("key"), "echo x >&2": nil, ":": nil,
	} {
		took, err := shell(script, prints).time(t.Context())
		require.NoError(t, err, script)
		assert.Greater(t, took, 0.0)
	}
	for script, prints := range map[string]func(string) bool{
		"echo key1": exactly("key"), "echo other": having("key"), ":": exactly("key"), "echo x": nil, "echo key; exit 3": exactly("key"),
	} {
		_, err := shell(script, prints).time(t.Context())
		assert.ErrorContains(t, err, "sh", script)
	}
	_, err := shell("echo locked >&2; exit 4", nil).time(t.Context())
	assert.ErrorContains(t, err, "locked", "the error has the reason")
}

func TestContestantIsPrepared(t *testing.T) {
	undone := 0
	failed := errors.New("not undone")
	var undo error
	c := shell(`echo "$1"`, exactly("more"))
	c.prepare = func() ([]string, func() error, error) {
		return []string{"more"}, func() error { undone++; return undo }, nil
	}
	for range 2 {
		_, err := c.time(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, 2, undone)
	c.prints = nil
	_, err := c.time(t.Context())
	assert.Error(t, err)
	assert.Equal(t, 3, undone, "undo must be called after a failure, too")
	c.prints, undo = exactly("more"), failed
	_, err = c.time(t.Context())
	assert.ErrorIs(t, err, failed)
	c.prepare = func() ([]string, func() error, error) { return nil, nil, failed }
	_, err = c.time(t.Context())
	assert.ErrorIs(t, err, failed)
}

// The process for a first `get` exists during the `get` and not afterwards.
func TestNewcomer(t *testing.T) {
	args, undo, err := newcomer()
	require.NoError(t, err)
	require.Len(t, args, 2)
	assert.Equal(t, "--pid", args[0])
	assert.DirExists(t, filepath.Join("/proc", args[1]))
	require.NoError(t, undo())
	assert.NoDirExists(t, filepath.Join("/proc", args[1]))
}

func TestRaceKeepsTheRoundsApart(t *testing.T) {
	var calls [2]float64
	count := func(w int, sign float64) stopwatch {
		return func(context.Context) (float64, error) {
			calls[w]++
			return sign * calls[w], nil
		}
	}
	took, err := race(t.Context(), []stopwatch{count(0, 1), count(1, -1)}, 2, 3)
	require.NoError(t, err)
	assert.Equal(t, [][]float64{{3, 4, 5}, {-3, -4, -5}}, took, "without the rounds to warm up")
	broken := func(context.Context) (float64, error) { return 0, os.ErrClosed }
	for _, warmUps := range []int{0, 1} {
		_, err = race(t.Context(), []stopwatch{count(0, 1), broken}, warmUps, 1)
		assert.ErrorIs(t, err, os.ErrClosed)
	}
}

func TestVersus(t *testing.T) {
	r := versus("get", []float64{11, 24, 36}, "bare", []float64{10, 20, 30}, atMost(1.2))
	assert.Equal(t, row{cells: []string{"get", "24.0 ms", "bare", "20.0 ms", "+4.0 ms", "1.20 (1.10–1.20)"}, target: "at most 1.2 times", met: true}, r)
	assert.Empty(t, versus("a", []float64{1}, "b", []float64{2}, bound{}).verdict())
	for _, c := range []struct {
		target          bound
		took            float64
		against         float64
		text, judgement string
	}{
		{atMost(1.15), 116, 100, "at most 1.15 times", "**not met**"},
		{atMost(1.15), 115, 100, "at most 1.15 times", "met"},
		{addsUnder(30), 129.9, 100, "under 30 ms added", "met"},
		{addsUnder(30), 130, 100, "under 30 ms added", "**not met**"},
		{faster, 99.9, 100, "faster", "met"},
		{faster, 100, 100, "faster", "**not met**"},
	} {
		r := versus("a", []float64{c.took}, "b", []float64{c.against}, c.target)
		assert.Equal(t, c.text, r.target)
		assert.Equal(t, c.judgement, r.verdict(), "%v against %v: %s", c.took, c.against, c.text)
	}
	assert.Equal(t, []string{"file", "3.0 MB", "bare", "2.0 MB", "+1.0 MB", "1.50"}, versusSize("file", 3<<20, "bare", 2<<20).cells)
	for _, r := range []row{r, versusSize("file", 1, "bare", 1), versus("get", []float64{1}, "other", nil, faster), versus("get", nil, "other", nil, faster)} {
		assert.Len(t, r.cells, len(versusColumns))
	}
}

// If docker's helper is not installed, the table says so. Otherwise the command reads the stored
// entry.
func TestOtherHelper(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	f := &field{home: home{dir: dir, env: []string{"PATH=/usr/bin:/bin", "HOME=" + dir}}}
	c, err := f.dockerGet(t.Context())
	require.NoError(t, err)
	assert.Nil(t, c.argv)

	script := "#!/bin/sh\ncase $1 in store) cat >$HOME/entry;; get) cat >$HOME/asked; cat $HOME/entry;; esac\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, dockerHelper), []byte(script), 0o700))
	c, err = f.dockerGet(t.Context())
	require.NoError(t, err)
	_, err = c.time(t.Context())
	require.NoError(t, err)
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	require.NoError(t, err)
	entry, err := os.ReadFile(filepath.Join(dir, "entry"))
	require.NoError(t, err)
	assert.Contains(t, string(entry), string(asked))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "entry"), []byte("{}"), 0o600))
	_, err = c.time(t.Context())
	assert.Error(t, err, "the answer lacks the key")
}

// The result is the memory of the command and not that of this process.
func TestMostResident(t *testing.T) {
	f := &field{scratch: &scratch{Scratch: &lab.Scratch{Dir: t.TempDir()}}}
	var err error
	f.resident, err = f.build(t.Context(), "resident")
	require.NoError(t, err)
	const large = 64 << 20
	ours := make([]byte, large)
	for i := range ours {
		ours[i] = 1
	}
	run := func(argv ...string) (float64, error) {
		path, err := exec.LookPath(argv[0])
		require.NoError(t, err)
		return f.mostResident(t.Context(), &contestant{name: argv[0], argv: append([]string{path}, argv[1:]...)})
	}
	small, err := run("true")
	require.NoError(t, err)
	assert.Greater(t, small, float64(100<<10))
	assert.Less(t, small, float64(large))
	much, err := run("dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1", "status=none")
	require.NoError(t, err)
	assert.Greater(t, much, float64(large))
	assert.Less(t, much, float64(2*large))
	_, err = run("false")
	assert.Error(t, err)
	assert.Equal(t, byte(1), ours[large-1])
	_, err = f.build(t.Context(), "nonsense")
	assert.ErrorContains(t, err, "nonsense")
}

func TestFirstOf(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	usage := fakeservice.Request{Path: fakeservice.GoPath + "/usage", Time: at(1), Account: "other", Status: 401}
	good := func(s int) fakeservice.Request {
		return fakeservice.Request{Path: fakeservice.GoPath + "/chat/completions", Time: at(s), Account: "mine", Status: 200}
	}
	first, err := firstOf([]fakeservice.Request{usage, good(3), good(2)}, "mine")
	require.NoError(t, err)
	assert.Equal(t, at(2), first)
	foreign, refused := good(4), good(5)
	foreign.Account, refused.Status = "other", 500
	for _, requests := range [][]fakeservice.Request{nil, {usage}, {good(2), foreign}, {good(2), refused}} {
		_, err := firstOf(requests, "mine")
		assert.Error(t, err, "%v", requests)
	}
}

func TestStartNeedsOpenCode(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := benchStart(t.Context(), &settings{})
	assert.ErrorContains(t, err, "make bench")
}

// If a section takes too long, the error says so.
func TestWithin(t *testing.T) {
	waits := section{"waits", func(ctx context.Context, _ *settings) (*report, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	_, err := waits.within(t.Context(), nil, time.Nanosecond)
	assert.ErrorContains(t, err, "took longer than 1ns")
	fails := section{"fails", func(context.Context, *settings) (*report, error) { return nil, os.ErrClosed }}
	_, err = fails.within(t.Context(), nil, budget)
	assert.Equal(t, os.ErrClosed, err, "another failure is returned unchanged")
	works := section{"works", func(context.Context, *settings) (*report, error) { return &report{title: "T"}, nil }}
	r, err := works.within(t.Context(), nil, budget)
	require.NoError(t, err)
	assert.Equal(t, "T", r.title)
}
