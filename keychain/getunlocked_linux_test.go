//go:build !check

package keychain_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"ocgo-key/keychain"
)

// Get from an unlocked keyring first makes one call and waits for its answer, since otherwise
// gnome-keyring may crash. Then it opens a session, reads the item and its secret, and closes the
// session. It makes no other calls, and returns the same key as go-keyring.
func TestGetMakesOnlyTheNecessaryCalls(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	store := keychain.NewOS()
	require.NoError(t, store.Set(ctx, "quick", keychain.NewSecret(marker)))
	seen := watchService(t, ctx)
	const times = 3
	for range times {
		got, err := store.Get(ctx, "quick")
		require.NoError(t, err)
		assert.Equal(t, marker, got.Reveal())
	}
	_, err := store.Get(ctx, "quick-none")
	var kind *keychain.Error
	require.ErrorAs(t, err, &kind)
	assert.Equal(t, keychain.NotFound, kind.Kind)

	var members []string
	for !slices.Contains(members, "Unlock") { // if a key is in no keyring, go-keyring's last call is Unlock
		select {
		case message := <-seen:
			switch message.Type {
			case dbus.TypeMethodCall:
				member, _ := message.Headers[dbus.FieldMember].Value().(string)
				members = append(members, member)
			case dbus.TypeMethodReply:
				members = append(members, "answer")
			}
		case <-ctx.Done():
			t.Fatalf("go-keyring did not call Unlock; the messages were: %v", members)
		}
	}
	slices.Sort(members[2:4]) // these two calls are sent at the same time, in either order
	assert.Equal(t, strings.Fields("Get answer OpenSession SearchItems answer answer GetSecret answer Close"), members[:9])
	count := map[string]int{}
	for _, member := range members {
		count[member]++
	}
	assert.Equal(t, map[string]int{"OpenSession": times + 1, "SearchItems": times + 2, "GetSecret": times, "Close": times + 1,
		"Get": times + 3, "Unlock": 1, "answer": 4*times + 3 + 3}, count)

	own, err := keyring.Get(keychain.Service, "quick")
	require.NoError(t, err)
	assert.Equal(t, marker, own)
	require.NoError(t, store.Delete(ctx, "quick"))
}

// watchService returns all further calls to the service and its answers.
func watchService(t *testing.T, ctx context.Context) <-chan *dbus.Message {
	t.Helper()
	monitor, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	require.NoError(t, err)
	t.Cleanup(func() { _ = monitor.Close() })
	rules := []string{"type='method_call',destination='org.freedesktop.secrets'", "type='method_return',sender='org.freedesktop.secrets'"}
	require.NoError(t, monitor.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, rules, uint(0)).Err)
	seen := make(chan *dbus.Message, 256)
	monitor.Eavesdrop(seen)
	return seen
}
