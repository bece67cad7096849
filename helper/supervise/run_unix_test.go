//go:build unix

package supervise

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// onceKeychain returns one key, and then fails.
type onceKeychain struct {
	keychain.Store
	given bool
}

func (k *onceKeychain) Get(context.Context, string) (keychain.Secret, error) {
	if k.given {
		return keychain.Secret{}, &keychain.Error{Kind: keychain.Locked, Op: "get"}
	}
	k.given = true
	return keychain.NewSecret("sk-marked-of-this-test"), nil
}

// withKeyRun returns a run of a script with --env-key, and its pool with these accounts.
func withKeyRun(t *testing.T, script string, accounts ...string) (*Run, *rotation.Pool) {
	t.Helper()
	pool := rotation.InMemory()
	for _, label := range accounts {
		require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: label, Label: label}))
	}
	wait := time.Hour
	return &Run{
		Command: wrapper.Command{Argv: []string{"sh", "-c", script}, Env: os.Environ()}, EnvKey: true, MaxWait: &wait,
		Open: func() (*rotation.Pool, error) { return pool, nil },
		Hold: func(pool *rotation.Pool, command string) (*helper.Holder, *helper.UsagePoller, error) {
			return helper.NewHolder(pool, &onceKeychain{}, rotation.Process{PID: os.Getpid(), Command: command}, nil), nil, nil
		},
		Budget: func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Minute) },
		Tell:   silence{}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}, pool
}

// The next account's key is fetched within the budget, and an error of the keychain is returned.
func TestTheKeychainFailsAfterALimit(t *testing.T) {
	r, pool := withKeyRun(t, "test -n \"$OPENCODE_API_KEY\" && echo 429 usage limit >&2; exit 1", "a", "b")
	_, err := r.ToTheEnd()
	require.ErrorIs(t, err, keychain.ErrLocked)
	o, err := pool.Overview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, rotation.Cooling, o.Accounts[0].Condition.State, "the limit must be recorded although the keychain failed")
}

// If no account is ready at the start, the error does not say that the wait is too long.
func TestNoAccountAtTheStart(t *testing.T) {
	r, pool := withKeyRun(t, "exit 0", "a")
	require.NoError(t, pool.Disable(t.Context(), "a"))
	_, err := r.ToTheEnd()
	require.Error(t, err)
	_, found := hint.Of(err)
	assert.False(t, found)
}
