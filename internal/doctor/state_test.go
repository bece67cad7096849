package doctor

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

const repairs = " | " + RepairCommand

func TestState(t *testing.T) {
	m := newMachine(t)
	assert.Equal(t, "not created yet; it will be in "+m.dir, m.finds("state").Well)
	m.account("0123456789abcdef", "Work")
	assert.Equal(t, "in "+m.dir+", 1 account, private", m.finds("state").Well)

	file, broken := filepath.Join(m.dir, "state.json"), "{"
	tests := map[string]struct {
		harm   func()
		want   string
		repair string
		modes  bool // Windows has no file modes
	}{
		"unreadable": {func() { write(t, file, broken, 0o600) },
			`the state cannot be read: .*: the last good copy will be used`, `state\.json .*the last good copy.*`, false},
		"gone": {func() { require.NoError(t, os.Remove(file)) },
			`state\.json is gone: the last good copy will be used`, `.*last good copy.*`, false},
		"open to others": {func() { require.NoError(t, os.Chmod(file, 0o644)) },
			`state\.json has mode 0644 and not 0600: other users can read or change it, or you cannot`, `HOME/state/state\.json has mode 0600`, true},
		"an open folder": {func() { require.NoError(t, os.Chmod(m.dir, 0o755)) },
			`HOME/state has mode 0755 and not 0700: other users can read it, or you cannot`, `HOME/state has mode 0700`, true},
		"no file": {func() { require.NoError(t, os.Mkdir(filepath.Join(m.dir, "events.jsonl"), 0o700)) },
			`events\.jsonl is not a regular file`, `HOME/state/events\.jsonl is now HOME/state/events\.jsonl\.aside\.\d+`, false},
		"a link": {func() {
			require.NoError(t, os.Rename(file, filepath.Join(m.home, "elsewhere")))
			require.NoError(t, os.Symlink(filepath.Join(m.home, "elsewhere"), file))
		}, `state\.json is a symbolic link: the next change would replace it by a file`, `HOME/state/state\.json is now a regular file, with the same content`, true},
		"a link to nothing": {func() {
			require.NoError(t, os.Symlink(filepath.Join(m.home, "nothing"), filepath.Join(m.dir, "keys.lock")))
		}, `keys\.lock is a symbolic link`, `HOME/state/keys\.lock is now HOME/state/keys\.lock\.aside\.\d+`, true},
		"what a killed command left": {func() {
			path := write(t, filepath.Join(m.dir, ".state.json.12.tmp"), "x", 0o600)
			old := time.Now().Add(-time.Hour)
			require.NoError(t, os.Chtimes(path, old, old))
		}, `\.state\.json\.12\.tmp was left behind by a killed command`, `deleted HOME/state/\.state\.json\.12\.tmp`, false},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			if tt.modes && runtime.GOOS == "windows" {
				return
			}
			require.NoError(t, os.RemoveAll(filepath.Join(m.dir, "events.jsonl")))
			tt.harm()
			r := m.examine("state")
			require.Len(t, r.Findings, 1, "%q", short(r.Findings))
			assert.Regexp(t, "problem: .*"+fromHome(m, tt.want), short(r.Findings)[0])
			assert.Contains(t, short(r.Findings)[0], repairs)
			var told warnings
			done := Repair([]Result{r}, &told)
			require.Empty(t, told)
			require.Len(t, done, 1)
			assert.Equal(t, "state", done[0].Check)
			assert.Regexp(t, fromHome(m, tt.repair), done[0].What)
			assert.Equal(t, "in "+m.dir+", 1 account, private", m.finds("state").Well)
		})
	}
}

// A temporary file that a running command may still write is not removed.
func TestAFreshTemporaryFileIsLeftAlone(t *testing.T) {
	m := newMachine(t)
	m.account("0123456789abcdef", "Work")
	write(t, filepath.Join(m.dir, ".state.json.12.tmp"), "x", 0o600)
	m.finds("state")
}

func TestStateOfANewerVersion(t *testing.T) {
	m := newMachine(t)
	write(t, filepath.Join(m.dir, "state.json"), `{"version":99}`, 0o600)
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(m.dir, 0o700))
	}
	r := m.examine("state")
	require.Len(t, r.Findings, 1)
	assert.Contains(t, r.Findings[0].What, "newer version")
	assert.False(t, r.Findings[0].Repairable())
	assert.Contains(t, m.examine("accounts").Skipped, "the state cannot be read")
	assert.Contains(t, m.examine("keys").Skipped, "the state cannot be read")
}

func TestAFileInThePlaceOfTheFolder(t *testing.T) {
	m := newMachine(t)
	write(t, m.dir, "x", 0o600)
	r := m.examine("state")
	require.Len(t, r.Findings, 1)
	assert.Equal(t, m.dir+" is not a folder, but the state belongs there", r.Findings[0].What)
	assert.Len(t, Repair([]Result{r}, new(warnings)), 1)
	assert.Equal(t, "not created yet; it will be in "+m.dir, m.finds("state").Well)
}

// While a process holds the lock, every change waits.
func TestAHeldLock(t *testing.T) {
	m := newMachine(t)
	m.account("0123456789abcdef", "Work")
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = state.OpenFile(m.dir, time.Now, nil).Update(t.Context(), func(*state.State) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	r := m.examine("state")
	close(release)
	<-done
	require.Len(t, r.Findings, 1)
	assert.Contains(t, r.Findings[0].What, "state.lock has been held by ")
	assert.Contains(t, r.Findings[0].What, "for more than 2s; nothing can be changed until it is released")
}

// doctor does not read another user's state and prints nothing from it.
func TestAnotherUsersState(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // on Windows a test cannot make another user the owner of a folder
	}
	if os.Geteuid() != 0 {
		t.Fatal("only root can give a folder away: run this as root")
	}
	m := newMachine(t)
	m.account("0123456789abcdef", "Work")
	require.NoError(t, os.Chown(m.dir, 54321, 54321))
	r := m.examine("state")
	require.NotEmpty(t, r.Findings)
	assert.Equal(t, "problem: the state folder "+m.dir+` belongs to another user, so nothing in it is read or changed | export OCGO_KEY_STATE_DIR="$HOME/.ocgo-key"`, short(r.Findings)[0])
	assert.Contains(t, m.examine("accounts").Skipped, "the state cannot be read")
}
