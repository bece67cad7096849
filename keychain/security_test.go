//go:build unix

package keychain_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// If this test binary is started under the name security, it simulates macOS' program security.
func init() {
	if filepath.Base(os.Args[0]) == "security" {
		os.Exit(keychaintest.Security(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
}

// newSecurity returns the keychain of macOS with a simulated security in this mode, and the folder
// of its files.
func newSecurity(t *testing.T, mode string) (store keychain.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv(keychaintest.SecurityVariable, dir)
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	t.Setenv("MallocStackLogging", "1") // security must not get this variable
	t.Setenv("DYLD_INSERT_LIBRARIES", "/nowhere")
	program, err := os.Executable()
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "security")
	require.NoError(t, os.Symlink(program, link))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mode"), []byte(mode), 0o600))
	return keychain.NewMacOS(link), dir
}

func TestMacOSConforms(t *testing.T) {
	keychaintest.ConformanceSlow(t, func(t *testing.T) keychain.Store {
		store, _ := newSecurity(t, "noisy")
		return store
	})
}

// Each state of macOS' keychain has its own error, and no call leaves a process running.
func TestStatesOfMacOSKeychain(t *testing.T) {
	for mode, want := range map[string]struct{ get, set, inspect keychain.Kind }{
		"locked":     {keychain.Locked, keychain.Locked, keychain.Locked},
		"denied":     {keychain.Refused, keychain.Refused, keychain.Refused},
		"canceled":   {keychain.Refused, keychain.Refused, keychain.Refused},
		"no-default": {keychain.NotFound, keychain.NoKeychain, -1},
		"hanging":    {keychain.Timeout, keychain.Timeout, keychain.Timeout},
		"slow":       {keychain.NotFound, -1, -1},
	} {
		t.Run(mode, func(t *testing.T) {
			store, dir := newSecurity(t, mode)
			budget := 30 * time.Second
			if mode == "hanging" {
				budget = 2 * time.Second
			}
			call := func(kind keychain.Kind, do func(context.Context) error) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), budget)
				defer cancel()
				err := do(ctx)
				if kind < 0 {
					assert.NoError(t, err)
					return
				}
				assert.Equal(t, kind, asError(t, err).Kind, "%v", err)
				noMarker(t, "error", err.Error())
			}
			call(want.get, func(ctx context.Context) error { _, err := store.Get(ctx, "id"); return err })
			call(want.set, func(ctx context.Context) error { return store.Set(ctx, "id", keychain.NewSecret(marker)) })
			call(want.inspect, func(ctx context.Context) error {
				_, err := store.(keychain.Inspector).Inspect(ctx)
				return err
			})
			noneLeft(t, dir)
			calls, err := os.ReadFile(filepath.Join(dir, "calls"))
			require.NoError(t, err)
			assert.Equal(t, "find-generic-password\nadd-generic-password\ndump-keychain\n", string(calls))
		})
	}
}

// noneLeft requires that the simulated security was started, and that none of its processes is
// left.
func noneLeft(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pids"))
	require.NoError(t, err)
	for _, line := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(line)
		require.NoError(t, err)
		assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "process %d is left", pid)
	}
}

// A canceled call also ends security, and its error says that it was canceled.
func TestCanceledCallEndsSecurity(t *testing.T) {
	store, dir := newSecurity(t, "hanging")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(dir, "pids")); err == nil || ctx.Err() != nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := store.Get(ctx, "id")
	require.ErrorIs(t, err, context.Canceled)
	assert.Contains(t, err.Error(), "canceled")
	noneLeft(t, dir)
}

// Keys that current and old versions of go-keyring stored are read. Other entries cause an error.
func TestFormsOfStoredKeys(t *testing.T) {
	store, dir := newSecurity(t, "noisy")
	for stored, want := range map[string]string{
		"go-keyring-base64:" + base64.StdEncoding.EncodeToString([]byte("sk-one")): "sk-one",
		"go-keyring-encoded:736b2d6f6e65":                                          "sk-one",
		"sk-one":                                                                   "sk-one",
		"go-keyring-base64:not base64":                                             "",
		"go-keyring-encoded:xyz":                                                   "",
	} {
		require.NoError(t, store.Set(t.Context(), "id", keychain.NewSecret("placeholder")))
		items, err := filepath.Glob(filepath.Join(dir, "*.item"))
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.NoError(t, os.WriteFile(items[0], []byte(stored), 0o600))
		got, err := store.Get(t.Context(), "id")
		if want == "" {
			assert.Equal(t, keychain.Failed, asError(t, err).Kind)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want, got.Reveal())
	}
}

func TestMacOSListsKeys(t *testing.T) {
	store, _ := newSecurity(t, "")
	for _, id := range []string{"b", "a", "é 'x'"} {
		require.NoError(t, store.Set(t.Context(), id, keychain.NewSecret("k")))
	}
	found, err := store.(keychain.Inspector).Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, keychain.Inspection{IDs: []string{"a", "b", "é 'x'"}}, found)
	// Internet passwords and items without an account are not listed.
	assert.Empty(t, keychain.DumpedUsers("keychain: \"x\"\nclass: \"inet\"\n    \"acct\"<blob>=\"a\"\n    \"svce\"<blob>=\"ocgo-key\"\n"+
		"keychain: \"x\"\nclass: \"genp\"\n    \"acct\"<blob>=<NULL>\n    \"svce\"<blob>=\"ocgo-key\"\n", "ocgo-key"))
}
