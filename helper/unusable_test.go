package helper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// fixedKeys is a keychain with any texts, as if another program had written them.
type fixedKeys map[string]string

func (fixedKeys) Name() string { return "fixed" }
func (k fixedKeys) Get(_ context.Context, id string) (keychain.Secret, error) {
	return keychain.NewSecret(k[id]), nil
}
func (fixedKeys) Set(context.Context, string, keychain.Secret) error { return nil }
func (fixedKeys) Delete(context.Context, string) error               { return nil }

// If the keychain's entry for an account is not a key, the next account is handed out. If there is
// no next account, the error names the account and the command that fixes it.
func TestWhatIsNoKeyIsPassedOver(t *testing.T) {
	for _, bad := range []string{"sk-a\n", "noise\nsk-a", "sk a", "sk-a\r\nX-Evil: 1", "sk-ä", "sk-a\x00"} {
		pool := rotation.InMemory()
		for _, id := range []string{"a", "b"} {
			require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: id, Label: "Label-" + id}))
		}
		keys := fixedKeys{"a": bad, "b": "sk-b"}
		var passed []string
		holder := func() *helper.Holder {
			return helper.NewHolder(pool, keys, rotation.Process{PID: 1, Start: time.Now().String()}, func(missing, _ rotation.Handout) { passed = append(passed, missing.ID) })
		}
		grant, err := holder().Current(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, "b", grant.ID)
		assert.Equal(t, []string{"a"}, passed)
		require.NoError(t, pool.Disable(t.Context(), "b"))
		_, err = holder().Current(t.Context(), nil)
		require.ErrorIs(t, err, keychain.ErrUnusable)
		assert.ErrorContains(t, err, `"Label-a"`)
		assert.NotContains(t, err.Error(), bad)
		failed, _ := errors.AsType[*keychain.Error](err)
		assert.Contains(t, failed.Hint, "ocgo-key replace Label-a")
	}
}
