package e2e

import (
	"bytes"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain/keychaintest"
)

// These tests run the attacks that, according to docs/threat-model.md, ocgo-key does not prevent.
// If one fails, the protection is better than the page says.

// A monitor on the user's D-Bus can read each key: the Secret Service's session is not encrypted.
func TestAMonitorOfTheBusSeesTheKey(t *testing.T) {
	t.Parallel()
	daemon := keychaintest.StartSecretService(t, keychaintest.Unlocked)
	w := newWorld(t).with(daemon.Env()...)
	w.add("Work")
	connection, err := dbus.Dial(daemon.Address)
	require.NoError(t, err)
	t.Cleanup(func() {
		connection.Eavesdrop(nil) // godbus panics at the next message if the channel is closed
		_ = connection.Close()
	})
	require.NoError(t, connection.Auth(nil))
	require.NoError(t, connection.Hello())
	require.NoError(t, connection.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, []string{}, uint(0)).Err)
	messages := make(chan *dbus.Message, 1000)
	connection.Eavesdrop(messages)
	w.command("ocgo-key", "get").prints().run().ok()
	end := time.After(patience)
	for {
		select {
		case m := <-messages:
			if holds(m.Body, []byte(w.marker.Key("Work"))) {
				return
			}
		case <-end:
			t.Fatal("no message had the key in it")
		}
	}
}

// holds reports whether the values of a D-Bus message contain text.
func holds(value any, text []byte) bool {
	switch value := value.(type) {
	case []byte:
		return bytes.Contains(value, text)
	case []any:
		for _, v := range value {
			if holds(v, text) {
				return true
			}
		}
	}
	return false
}

// Any program of the user can read the keychain itself, and an agent can remove the mark from its
// shell.
func TestAnyProgramOfTheUsersGetsTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	id := w.list().Accounts[0].ID
	c := w.command("sh", "-c", `secret-tool lookup service ocgo-key username "$0"; echo`, id).prints().run().ok()
	assert.Equal(t, []string{"Work"}, w.keysOf(c.stdout.String()))

	agent := w.with("OCGO_KEY_AGENT_SHELL=1", "OPENCODE=1", "AGENT=1")
	refused := agent.command("sh", "-c", "ocgo-key get; true").run().ok()
	assert.Empty(t, refused.stdout.String())
	assert.Contains(t, refused.stderr.String(), "an agent's shell may not get a key")
	agent.gets([]string{"Work"}, "sh", "-c", "unset OCGO_KEY_AGENT_SHELL; ocgo-key get; true")
}
