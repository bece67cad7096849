package keychain_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

// Without a bus, dbus-launch must not run: its daemons would keep running.
func TestDBusLaunchIsNeverRun(t *testing.T) {
	for name, c := range map[string]struct{ address, file string }{
		"unset":               {"", ""},
		"autolaunch":          {"autolaunch:", ""},
		"empty session file":  {"", "DBUS_SESSION_BUS_ADDRESS=\n"},
		"foreign file":        {"", "something else"},
		"autolaunch in file":  {"", "DBUS_SESSION_BUS_ADDRESS=autolaunch:\n"},
		"autolaunch in scope": {"autolaunch:scope=x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ran := filepath.Join(dir, "ran")
			script := "#!/bin/sh\necho x >> '" + ran + "'\nexit 1\n"
			require.NoError(t, os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o700))
			runtimeDir := t.TempDir()
			if c.file != "" {
				require.NoError(t, os.WriteFile(filepath.Join(runtimeDir, "dbus-session"), []byte(c.file), 0o600))
			}
			r := inChild(t, job{Op: "get", RuntimeDir: runtimeDir},
				"PATH="+dir+":"+os.Getenv("PATH"), "DBUS_SESSION_BUS_ADDRESS="+c.address)
			assert.Equal(t, keychain.NoKeychain, r.Kind, r.Message)
			assert.NoFileExists(t, ran)
		})
	}
}

func TestFindBus(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd name, with ;=")
	require.NoError(t, os.Mkdir(dir, 0o700))
	assert.Empty(t, keychain.FindBus(dir))
	assert.Empty(t, keychain.FindBus(filepath.Join(dir, "missing")))

	file := filepath.Join(dir, "dbus-session")
	require.NoError(t, exec.CommandContext(t.Context(), "mkfifo", file).Run())
	assert.Empty(t, keychain.FindBus(dir), "a pipe is not read")
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.WriteFile(file, []byte("DBUS_SESSION_BUS_ADDRESS=unix:abstract=/tmp/x\r\n"), 0o600))
	assert.Equal(t, "unix:abstract=/tmp/x", keychain.FindBus(dir))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "bus"), nil, 0o600))
	address := keychain.FindBus(dir)
	assert.NotContains(t, address, ";", "a semicolon would end the address")
	path, err := dbus.UnescapeBusAddressValue(strings.TrimPrefix(address, "unix:path="))
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "bus"), path)
}

// The socket accepts connections and sends nothing.
func TestSilentSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "silent")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "bus")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	accepted := make(chan net.Conn, 8)
	go func() {
		defer close(accepted)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	t.Run("calls", func(t *testing.T) {
		for _, op := range []string{"get", "set", "delete"} {
			t.Run(op, func(t *testing.T) {
				t.Parallel() // they wait
				inChild(t, job{Op: op, Secret: marker, Budget: 2 * time.Second}, "DBUS_SESSION_BUS_ADDRESS=unix:path="+path).isTimeout(t)
			})
		}
	})
	require.NoError(t, listener.Close())
	connections := 0
	for conn := range accepted {
		connections++
		_ = conn.Close()
	}
	assert.GreaterOrEqual(t, connections, 3, "the calls must have reached the socket")
}

func (r report) isTimeout(t *testing.T) {
	t.Helper()
	assert.Equal(t, keychain.Timeout, r.Kind, r.Message)
	assert.True(t, r.Deadline, "the error's chain must contain context.DeadlineExceeded")
	assert.Contains(t, r.Message, "answer within")
	assert.NotEmpty(t, r.Hint)
}
