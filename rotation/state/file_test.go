package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const workerVariable = "STATE_TEST_WORKER_DIR"

// TestMain lets a test start this binary as a worker, which writes until the test kills it.
func TestMain(m *testing.M) {
	if dir := os.Getenv(workerVariable); dir != "" {
		f := state.OpenFile(dir, time.Now, func(string) {})
		for i := 0; ; i++ {
			if err := f.Update(context.Background(), func(s *state.State) error {
				s.Leases = append(s.Leases[:min(len(s.Leases), 50)], state.Lease{PID: i, Start: "x", Account: "a"})
				s.Note(state.Event{Kind: "leased", PID: i})
				return nil
			}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			if i == 0 {
				fmt.Println("at work")
			}
		}
	}
	os.Exit(m.Run())
}

type file struct {
	*state.File
	dir      string
	warnings []string
}

func open(t *testing.T) *file {
	f := &file{dir: filepath.Join(t.TempDir(), "state")}
	f.File = state.OpenFile(f.dir, func() time.Time { return now }, func(s string) { f.warnings = append(f.warnings, s) })
	return f
}

func (f *file) add(t *testing.T, id, label string) {
	require.NoError(t, f.Update(context.Background(), func(s *state.State) error {
		s.Accounts = append(s.Accounts, state.Account{ID: id, Label: label})
		s.Note(state.Event{Time: now, Kind: "added", Account: label})
		return nil
	}))
}

func (f *file) labels(t *testing.T) []string {
	s, err := f.Read(context.Background())
	require.NoError(t, err)
	labels := []string{}
	for _, a := range s.Accounts {
		labels = append(labels, a.Label)
	}
	return labels
}

func TestNothingIsMadeByReading(t *testing.T) {
	f := open(t)
	assert.Empty(t, f.labels(t))
	assert.NoDirExists(t, f.dir)
	assert.Zero(t, f.Stamp())
}

func TestRoundTripAndModes(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	first := f.Stamp()
	f.add(t, "2", "Personal")
	assert.NotEqual(t, first, f.Stamp())
	assert.Equal(t, f.Stamp(), f.Stamp())
	assert.Equal(t, []string{"Work", "Personal"}, f.labels(t))
	events, _, err := f.ReadEvents()
	require.NoError(t, err)
	assert.Len(t, events, 2)
	if runtime.GOOS == "windows" {
		return // files on Windows have no modes
	}
	info, err := os.Stat(f.dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	entries, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
	}
}

func TestAChangeThatFailsWritesNothing(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	before := f.Stamp()
	wanted := errors.New("no")
	err := f.Update(context.Background(), func(s *state.State) error {
		s.Accounts = nil
		return wanted
	})
	assert.Same(t, wanted, err)
	assert.Equal(t, before, f.Stamp())
	assert.Equal(t, []string{"Work"}, f.labels(t))
}

func TestUnreadableStateIsSetAsideAndTheLastGoodCopyUsed(t *testing.T) {
	for name, garbage := range map[string]string{
		"empty": "", "cut": `{"version":1,"accounts":[{"id":"1"`, "not JSON": "hello", "another shape": `[1,2]`,
		"no version": `{"accounts":[]}`, "no accounts": `{"version":1,"acounts":[]}`, "an id twice": `{"version":1,"accounts":[{"id":"1","label":"a"},{"id":"1","label":"b"}]}`,
	} {
		for how, use := range map[string]func(*file){
			"read": func(f *file) { f.labels(t) },
			"update": func(f *file) {
				require.NoError(t, f.Update(context.Background(), func(*state.State) error { return nil }))
			},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				f := open(t)
				f.add(t, "1", "Work")
				f.add(t, "2", "Personal")
				path := filepath.Join(f.dir, "state.json")
				require.NoError(t, os.WriteFile(path, []byte(garbage), 0o600))
				use(f)
				assert.Equal(t, []string{"Work", "Personal"}, f.labels(t))
				aside, err := os.ReadFile(fmt.Sprintf("%s.bak.%d", path, now.Unix()))
				require.NoError(t, err)
				assert.Equal(t, garbage, string(aside))
				require.Len(t, f.warnings, 1, "only one warning, since the file is valid again")
				assert.Contains(t, f.warnings[0], "last good copy")
			})
		}
	}
}

func TestMissingStateComesBackFromTheLastGoodCopy(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	require.NoError(t, os.Remove(filepath.Join(f.dir, "state.json")))
	assert.Equal(t, []string{"Work"}, f.labels(t))
	assert.Len(t, f.warnings, 1)
}

func TestNothingReadableIsAnEmptyPoolWithAWarning(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	for _, name := range []string{"state.json", "state.json.last"} {
		require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), []byte("x"), 0o600))
	}
	assert.Empty(t, f.labels(t))
	require.Len(t, f.warnings, 1)
	assert.Contains(t, f.warnings[0], "no good copy")
}

func TestANewerVersionsStateIsLeftAlone(t *testing.T) {
	f := open(t)
	require.NoError(t, os.MkdirAll(f.dir, 0o700))
	path := filepath.Join(f.dir, "state.json")
	newer := []byte(`{"version":2,"accounts":"of another shape"}`)
	require.NoError(t, os.WriteFile(path, newer, 0o600))
	_, err := f.Read(context.Background())
	require.ErrorIs(t, err, state.ErrNewer)
	require.ErrorIs(t, f.Update(context.Background(), func(*state.State) error { return nil }), state.ErrNewer)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, newer, after)
}

func TestAHistoryThatCannotBeWrittenUndoesNothing(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	require.NoError(t, os.Remove(filepath.Join(f.dir, "events.jsonl")))
	require.NoError(t, os.Mkdir(filepath.Join(f.dir, "events.jsonl"), 0o700))
	f.add(t, "2", "Personal")
	f.add(t, "3", "Spare")
	assert.Equal(t, []string{"Work", "Personal", "Spare"}, f.labels(t))
	require.Len(t, f.warnings, 1, "only one warning")
	assert.Contains(t, f.warnings[0], "history")
}

func TestEventsAreBounded(t *testing.T) {
	f := open(t)
	long := strings.Repeat("x", 64<<10)
	for range 40 {
		require.NoError(t, f.Update(context.Background(), func(s *state.State) error {
			s.Note(state.Event{Kind: "added", Reason: long})
			return nil
		}))
	}
	info, err := os.Stat(filepath.Join(f.dir, "events.jsonl"))
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(1<<20+128<<10))
	events, _, err := f.ReadEvents()
	require.NoError(t, err)
	require.NotEmpty(t, events)
	for _, e := range events {
		assert.Equal(t, "added", e.Kind, "trimming must not cut a line")
	}
}

func TestAReadOfACutEventLineGoesOn(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	path := filepath.Join(f.dir, "events.jsonl")
	all, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(bytes.Clone(all), all[:10]...), 0o600))
	f.add(t, "2", "Personal")
	events, broken, err := f.ReadEvents()
	require.NoError(t, err)
	assert.Equal(t, 1, broken)
	require.Len(t, events, 2, "the cut line must not spoil the next one")
	assert.Equal(t, "Personal", events[1].Account)
}

func TestUpdatesOfManyAreNotLost(t *testing.T) {
	f := open(t)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			other := state.OpenFile(f.dir, time.Now, func(string) {})
			assert.NoError(t, other.Update(context.Background(), func(s *state.State) error {
				s.Leases = append(s.Leases, state.Lease{PID: i, Start: "x"})
				return nil
			}))
		})
	}
	wg.Wait()
	s, err := f.Read(context.Background())
	require.NoError(t, err)
	assert.Len(t, s.Leases, 50)
}

func TestAHeldLockEndsInAnError(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	inside, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		_ = f.Update(context.Background(), func(*state.State) error {
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	defer func() {
		close(leave)
		<-left
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := f.Update(ctx, func(*state.State) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "state.lock")
	assert.Equal(t, []string{"Work"}, f.labels(t), "reading needs no lock")
}

// TestKilledWritersLeaveAValidState kills many processes during their writes.
func TestKilledWritersLeaveAValidState(t *testing.T) {
	f := open(t)
	f.add(t, "a", "Work")
	for range 15 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), workerVariable+"="+f.dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = out.Read(make([]byte, 16)) // the worker has begun
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		assert.Equal(t, []string{"Work"}, f.labels(t))
		assert.Empty(t, stderr.String())
	}
	assert.Empty(t, f.warnings)
	f.add(t, "b", "Personal")
	assert.Equal(t, []string{"Work", "Personal"}, f.labels(t))
}

// A change of leases, turns and times of use does not renew the copy. Any other change does.
func TestWhatRenewsTheCopy(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	last := filepath.Join(f.dir, "state.json.last")
	for name, change := range map[string]func(*state.State){
		"leases": func(s *state.State) {
			s.Leases = append(s.Leases, state.Lease{PID: 1, Start: "a", Account: "1"})
			*s.Conversations.All() = append(*s.Conversations.All(), state.Lease{Conversation: "c", Account: "1"})
			s.Last, s.Turns, s.Passed, s.Pruned = "1", map[int]string{1: "1"}, []string{"1"}, 1
			s.Accounts[0].LastUsed = now
			s.Note(state.Event{Time: now, Kind: "leased", Account: "Work"})
		},
		"cooldown": func(s *state.State) { s.Accounts[0].Cooldowns = []state.Cooldown{{Since: now, Until: now}} },
		"usage":    func(s *state.State) { s.Accounts[0].Usage = (&state.Usage{At: now}).Stored() },
		"setting":  func(s *state.State) { s.Settings.Ahead = 90 },
		"chosen":   func(s *state.State) { s.Chosen = "1" },
		"refusal":  func(s *state.State) { s.Refusals = append(s.Refusals, state.Refusal{Status: 418}) },
	} {
		require.NoError(t, os.WriteFile(last, []byte("not renewed"), 0o600))
		require.NoError(t, f.Update(context.Background(), func(s *state.State) error { change(s); return nil }))
		copied, err := os.ReadFile(last)
		require.NoError(t, err)
		assert.Equal(t, name == "leases", string(copied) == "not renewed", name)
	}
}
