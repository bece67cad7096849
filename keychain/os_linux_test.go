//go:build !check

package keychain_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

func TestOSConformsOnARealKeyring(t *testing.T) {
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewOS() })
}

// secret-tool finds the entry, and no file contains the key in plain text.
func TestEntryIsReadableBySecretTool(t *testing.T) {
	tool, err := exec.LookPath("secret-tool")
	require.NoError(t, err, "install the Debian package libsecret-tools")
	store := keychain.NewOS()
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	require.NoError(t, store.Set(ctx, "tool", keychain.NewSecret(marker)))
	out, err := exec.CommandContext(ctx, tool, "lookup", "service", "ocgo-key", "username", "tool").Output()
	require.NoError(t, err)
	assert.Equal(t, marker, string(out))

	files := 0
	require.NoError(t, filepath.WalkDir(unlocked.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		noMarker(t, path, string(text))
		return err
	}))
	assert.Positive(t, files)
	require.NoError(t, store.Delete(ctx, "tool"))
	assert.Error(t, exec.CommandContext(ctx, tool, "lookup", "service", "ocgo-key", "username", "tool").Run())
}

// Every state without a usable keychain has its own kind, message and next step. No call hangs, and
// no process is left running.
func TestStatesWithoutAKeychain(t *testing.T) {
	gone := "unix:path=" + filepath.Join(t.TempDir(), "no-such-bus")
	states := []struct {
		name string
		env  []string
		kind keychain.Kind
	}{
		{"no bus", []string{"DBUS_SESSION_BUS_ADDRESS="}, keychain.NoKeychain},
		{"bus gone", []string{"DBUS_SESSION_BUS_ADDRESS=" + gone}, keychain.NoKeychain},
		{"bad address", []string{"DBUS_SESSION_BUS_ADDRESS=nonsense"}, keychain.NoKeychain},
		{"no service", keychaintest.StartSecretService(t, keychaintest.NoService).Env(), keychain.NoKeychain},
		{"no default keyring", keychaintest.StartSecretService(t, keychaintest.Fresh).Env(), keychain.NoKeychain},
		{"locked", keychaintest.StartSecretService(t, keychaintest.Locked).Env(), keychain.Locked},
	}
	said := map[string]string{}
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			for _, op := range []string{"get", "set", "delete"} {
				r := inChild(t, job{Op: op, Secret: marker}, state.env...)
				assert.False(t, r.OK)
				assert.Equal(t, state.kind, r.Kind, "%s: %s", op, r.Message)
				assert.NotEmpty(t, r.Hint)
				noMarker(t, op, r.Message+r.Hint)
				_, reason, _ := strings.Cut(r.Message, "): ")
				require.NotEmpty(t, reason, r.Message)
				if other, found := said[reason]; found {
					assert.Equal(t, state.name, other, "two states say %q", reason)
				}
				said[reason] = state.name
			}
		})
	}
	assert.Len(t, said, len(states), "%v", said)
}

// If a keyring is locked after its first use, get fails with the same error as if it had always
// been locked.
func TestLockedAfterUse(t *testing.T) {
	d := keychaintest.StartSecretService(t, keychaintest.Unlocked)
	assert.True(t, inChild(t, job{Op: "set", Secret: "value"}, d.Env()...).OK)
	r := inChild(t, job{Op: "get"}, d.Env()...)
	assert.Equal(t, "value", r.Value, r.Message)
	require.NoError(t, d.Lock())
	r = inChild(t, job{Op: "get"}, d.Env()...)
	assert.Equal(t, keychain.Locked, r.Kind, r.Message)
	assert.Empty(t, r.Value)
}

// If the variable is missing, the bus in the user's runtime folder is used.
func TestBusOfTheRuntimeFolder(t *testing.T) {
	d := keychaintest.StartSecretService(t, keychaintest.Unlocked)
	env := append(d.Env(), "DBUS_SESSION_BUS_ADDRESS=")
	socket := job{Op: "set", Secret: "value", RuntimeDir: d.Dir} // the bus listens at Dir/bus
	r := inChild(t, socket, env...)
	require.True(t, r.OK, r.Message)
	assert.Equal(t, "unix:path="+dbus.EscapeBusAddressValue(filepath.Join(d.Dir, "bus")), r.Bus)

	text := job{Op: "get", RuntimeDir: t.TempDir()}
	file := filepath.Join(text.RuntimeDir, "dbus-session")
	require.NoError(t, os.WriteFile(file, []byte("DBUS_SESSION_BUS_ADDRESS="+d.Address+"\n"), 0o600))
	r = inChild(t, text, env...)
	require.True(t, r.OK, r.Message)
	assert.Equal(t, "value", r.Value)
}

func TestPrompt(t *testing.T) {
	const ring = keychaintest.SecretsPath + "/collection/other"
	bus := func(t *testing.T, f *keychaintest.FakeService) *keychaintest.Daemon {
		d := keychaintest.StartSecretService(t, keychaintest.NoService)
		f.Serve(t, d.Address)
		return d
	}
	t.Run("deleted between being found and being read", func(t *testing.T) {
		f := &keychaintest.FakeService{Default: ring, Open: true, Items: map[string]string{"child": "key"}}
		f.Instead = map[string]any{"GetSecret": func(dbus.ObjectPath) (uint32, *dbus.Error) {
			delete(f.Items, "child")
			return 0, dbus.NewError("org.freedesktop.DBus.Error.UnknownMethod", nil)
		}}
		r := inChild(t, job{Op: "get"}, bus(t, f).Env()...)
		assert.Equal(t, keychain.NotFound, r.Kind, r.Message)
	})
	t.Run("nobody answers", func(t *testing.T) {
		asked := make(chan struct{}, 1)
		d := bus(t, &keychaintest.FakeService{Default: ring, OnPrompt: func() { asked <- struct{}{} }})
		inChild(t, job{Op: "get", Budget: 2 * time.Second}, d.Env()...).isTimeout(t)
		assert.Len(t, asked, 1, "the prompt must have opened")
	})
	t.Run("dismissed", func(t *testing.T) {
		d := bus(t, &keychaintest.FakeService{Default: ring, Dismiss: true})
		r := inChild(t, job{Op: "get"}, d.Env()...)
		assert.Equal(t, keychain.Locked, r.Kind, r.Message)
	})
	t.Run("dismissed, and no default keyring", func(t *testing.T) {
		d := bus(t, &keychaintest.FakeService{Default: "/", Dismiss: true})
		r := inChild(t, job{Op: "get"}, d.Env()...)
		assert.Equal(t, keychain.NoKeychain, r.Kind, r.Message)
	})
	t.Run("the service dies meanwhile", func(t *testing.T) {
		f := &keychaintest.FakeService{Default: ring}
		f.OnPrompt = func() { time.AfterFunc(shortly, f.Die) } // by then the answer to the call has been sent
		d := bus(t, f)
		r := inChild(t, job{Op: "get"}, d.Env()...)
		assert.Equal(t, keychain.NoKeychain, r.Kind, r.Message)
		assert.Contains(t, r.Message, "ended during the call")
		assert.NotEmpty(t, r.Hint)
	})
	t.Run("the bus dies meanwhile", func(t *testing.T) {
		asked := make(chan struct{}, 1)
		d := bus(t, &keychaintest.FakeService{Default: ring, OnPrompt: func() { asked <- struct{}{} }})
		stopped := make(chan error, 1)
		go func() {
			<-asked
			stopped <- d.Stop()
		}()
		r := inChild(t, job{Op: "get"}, d.Env()...)
		assert.Equal(t, keychain.Failed, r.Kind, r.Message)
		assert.NotEmpty(t, r.Hint)
		assert.NotContains(t, r.Message, "goroutine")
		assert.NotContains(t, r.Message, "nil pointer")
		require.NoError(t, <-stopped)
	})
}

// Errors of a service, one of which quotes the key.
func TestServiceErrors(t *testing.T) {
	serve := func(t *testing.T, f *keychaintest.FakeService) report {
		d := keychaintest.StartSecretService(t, keychaintest.NoService)
		f.Serve(t, d.Address)
		return inChild(t, job{Op: "set", Secret: marker}, d.Env()...)
	}
	t.Run("quotes the key", func(t *testing.T) {
		quoting := dbus.NewError("org.example.Error.Full", []any{"no room for " + marker})
		r := serve(t, &keychaintest.FakeService{Default: "/x", Open: true, CreateError: quoting})
		assert.Equal(t, keychain.Failed, r.Kind, r.Message)
		assert.Contains(t, r.Message, "org.example.Error.Full")
		noMarker(t, "message", r.Message+r.Hint)
	})
	for name, want := range map[string]keychain.Kind{
		"org.freedesktop.Secret.Error.IsLocked":   keychain.Locked,
		"org.freedesktop.DBus.Error.AccessDenied": keychain.Refused,
	} {
		t.Run(name, func(t *testing.T) {
			r := serve(t, &keychaintest.FakeService{Default: "/x", UnlockError: dbus.NewError(name, []any{marker})})
			assert.Equal(t, want, r.Kind, r.Message)
			noMarker(t, "message", r.Message+r.Hint)
		})
	}
}

// The difference between the two results is the overhead of the store over go-keyring.
func BenchmarkGet(b *testing.B) {
	store := keychain.NewOS()
	require.NoError(b, store.Set(b.Context(), "bench", keychain.NewSecret("value")))
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.Get(b.Context(), "bench"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-keyring", func(b *testing.B) {
		for b.Loop() {
			if _, err := keyring.Get(keychain.Service, "bench"); err != nil {
				b.Fatal(err)
			}
		}
	})
	require.NoError(b, store.Delete(b.Context(), "bench"))
}
