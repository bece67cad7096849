//go:build !check

package keychain_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

func TestInspectListsWhatIsOurs(t *testing.T) {
	d := keychaintest.StartSecretService(t, keychaintest.Unlocked)
	r := inChild(t, job{Op: "inspect"}, d.Env()...)
	assert.Equal(t, "true []", r.Value, r.Message)
	for _, id := range []string{"one", "an other"} {
		require.True(t, inChild(t, job{Op: "set", ID: id, Secret: marker}, d.Env()...).OK)
	}
	r = inChild(t, job{Op: "inspect"}, d.Env()...)
	assert.Equal(t, "true [an other one]", r.Value, r.Message)
	require.True(t, inChild(t, job{Op: "delete", ID: "one"}, d.Env()...).OK)
	r = inChild(t, job{Op: "inspect"}, d.Env()...)
	assert.Equal(t, "true [an other]", r.Value, r.Message)

	require.NoError(t, d.Lock())
	r = inChild(t, job{Op: "inspect"}, d.Env()...)
	assert.Equal(t, keychain.Locked, r.Kind, r.Message)
	assert.NotEmpty(t, r.Fix)
}

// Inspect opens no prompt, even if Get would open one.
func TestInspectAsksNobody(t *testing.T) {
	d := keychaintest.StartSecretService(t, keychaintest.NoService)
	asked := make(chan struct{}, 1)
	service := &keychaintest.FakeService{Default: keychaintest.SecretsPath + "/aliases/default", OnPrompt: func() { asked <- struct{}{} }}
	service.Serve(t, d.Address)
	inChild(t, job{Op: "inspect", Budget: 2 * time.Second}, d.Env()...)
	assert.Empty(t, asked)
}

// In each state of the keychain, Inspect ends in time, returns the same error as Get, and names the
// command that fixes it.
func TestInspectWithoutAKeychain(t *testing.T) {
	silent := filepath.Join(t.TempDir(), "bus")
	listener, err := net.Listen("unix", silent)
	require.NoError(t, err)
	defer listener.Close()
	mute := keychaintest.StartSecretService(t, keychaintest.NoService)
	conn, err := dbus.Connect(mute.Address)
	require.NoError(t, err)
	defer conn.Close()
	over := make(chan struct{})
	defer close(over)
	require.NoError(t, conn.ExportMethodTable(map[string]any{"Get": func(string, string) (dbus.Variant, *dbus.Error) {
		<-over
		return dbus.MakeVariant(""), nil
	}}, keychaintest.SecretsPath, "org.freedesktop.DBus.Properties"))
	_, err = conn.RequestName("org.freedesktop.secrets", dbus.NameFlagDoNotQueue)
	require.NoError(t, err)
	for _, state := range []struct {
		name      string
		env       []string
		kind      keychain.Kind
		says, fix string
	}{
		{"no bus", []string{"DBUS_SESSION_BUS_ADDRESS="}, keychain.NoKeychain, "there is no D-Bus session bus", "dbus-run-session"},
		{"bus gone", []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + silent + "x"}, keychain.NoKeychain, "can't be reached", "unset DBUS_SESSION_BUS_ADDRESS"},
		{"bad address", []string{"DBUS_SESSION_BUS_ADDRESS=nonsense"}, keychain.NoKeychain, "not valid", "unset DBUS_SESSION_BUS_ADDRESS"},
		{"silent bus", []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + silent}, keychain.Timeout, "bus does not answer within ", "unset DBUS_SESSION_BUS_ADDRESS"},
		{"silent service", mute.Env(), keychain.Timeout, "service does not answer within ", "gnome-keyring-daemon --replace --unlock"},
		{"no service", keychaintest.StartSecretService(t, keychaintest.NoService).Env(), keychain.NoKeychain, "no keychain service", "gnome-keyring-daemon --unlock"},
		{"locked", keychaintest.StartSecretService(t, keychaintest.Locked).Env(), keychain.Locked, "locked", "gnome-keyring-daemon --replace --unlock"},
	} {
		t.Run(state.name, func(t *testing.T) {
			budget := 20 * time.Second
			if state.kind == keychain.Timeout {
				budget = time.Second
			}
			r := inChild(t, job{Op: "inspect", Budget: budget}, state.env...)
			assert.False(t, r.OK)
			assert.Equal(t, state.kind, r.Kind, r.Message)
			assert.Contains(t, r.Message, state.says)
			assert.Contains(t, r.Fix, state.fix)
			assert.Equal(t, state.kind == keychain.Timeout, r.Deadline)
		})
	}
	// Without a keyring Inspect finds nothing; Get reports why.
	r := inChild(t, job{Op: "inspect"}, keychaintest.StartSecretService(t, keychaintest.Fresh).Env()...)
	assert.Equal(t, "false []", r.Value, r.Message)
}

func TestInspectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := keychain.NewOS().(keychain.Inspector).Inspect(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, keychain.ErrTimeout)
}
