package keychaintest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryModeStartsAndLeavesNothing(t *testing.T) {
	for mode, want := range map[Mode]struct {
		processes int
		state     string
	}{
		Unlocked: {2, "open"}, Locked: {2, "locked"}, Fresh: {2, "none"}, NoService: {1, ""},
	} {
		t.Run(mode.String(), func(t *testing.T) {
			d, stop, err := Start(mode)
			require.NoError(t, err)
			pids := d.PIDs()
			assert.Len(t, pids, want.processes)
			var state string
			err = d.ask(func(s *secrets) (err error) {
				state, err = s.state()
				return err
			})
			if mode == NoService {
				require.ErrorContains(t, err, "org.freedesktop.secrets")
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, want.state, state)
			assert.Contains(t, d.Env(), "DBUS_SESSION_BUS_ADDRESS="+d.Address)

			require.NoError(t, stop())
			require.NoError(t, stop(), "a second stop does nothing")
			for _, pid := range pids {
				assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "pid %d is still there", pid)
			}
			assert.NoDirExists(t, d.Dir)
		})
	}
}

func TestLockNeedsAKeyring(t *testing.T) {
	require.Error(t, StartSecretService(t, Fresh).Lock())
}

func TestMissingProgramIsNamedWithItsPackage(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	_, _, err := Start(Unlocked)
	require.ErrorContains(t, err, "Debian package dbus")

	require.NoError(t, os.WriteFile(filepath.Join(bin, "dbus-daemon"), []byte("#!/bin/sh\n"), 0o700))
	_, _, err = Start(Unlocked)
	require.ErrorContains(t, err, "Debian package gnome-keyring")
}

// If a daemon exits early, the error contains its stderr, and the folder is removed.
func TestBrokenDaemon(t *testing.T) {
	bin := t.TempDir()
	tmp, err := os.MkdirTemp("", "broken") // scratch uses TMPDIR only if its path is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	t.Setenv("TMPDIR", tmp)
	t.Setenv("PATH", bin)
	script := "#!/bin/sh\necho 'out of order' >&2\nexit 3\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "dbus-daemon"), []byte(script), 0o700))
	_, _, err = Start(NoService)
	require.ErrorContains(t, err, "out of order")
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestFirstLine(t *testing.T) {
	f := newFirstLine()
	for _, piece := range []string{"unix:pa", "th=/x\nmore", "\nand more\n"} {
		n, err := f.Write([]byte(piece))
		require.NoError(t, err)
		assert.Equal(t, len(piece), n)
	}
	assert.Equal(t, "unix:path=/x", strings.TrimSpace(<-f.line))
}
