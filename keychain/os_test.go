package keychain_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// shortly is the budget of calls that are expected to time out.
const shortly = 300 * time.Millisecond

// A fake replaces go-keyring. A method whose func is nil uses the entries.
type fake struct {
	mu      sync.Mutex
	entries map[string]string
	get     func(user string) (string, error)
	set     func(user, password string) error
	del     func(user string) error
}

func (f *fake) Get(_ context.Context, _, user string) (string, error) {
	if f.get != nil {
		return f.get(user)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.entries[user]; ok {
		return v, nil
	}
	return "", keyring.ErrNotFound
}

func (f *fake) Set(_ context.Context, _, user, password string) error {
	if f.set != nil {
		return f.set(user, password)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.entries == nil {
		f.entries = map[string]string{}
	}
	f.entries[user] = password
	return nil
}

func (f *fake) Delete(_ context.Context, _, user string) error {
	if f.del != nil {
		return f.del(user)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.entries[user]; !ok {
		return keyring.ErrNotFound
	}
	delete(f.entries, user)
	return nil
}

func TestMemoryConforms(t *testing.T) {
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewMemory() })
}

func TestOSStoreConformsOverAFake(t *testing.T) {
	for _, verifyDelete := range []bool{false, true} {
		t.Run(fmt.Sprintf("verifyDelete=%v", verifyDelete), func(t *testing.T) {
			keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewFake(&fake{}, verifyDelete) })
		})
	}
}

func asError(t *testing.T, err error) *keychain.Error {
	t.Helper()
	var e *keychain.Error
	require.ErrorAs(t, err, &e)
	return e
}

// The errors of the store do not contain the key, even if those of go-keyring do.
func TestSetErrorsNeverHoldTheKey(t *testing.T) {
	secret := keychain.NewSecret(marker)
	for name, err := range map[string]error{
		"plain":   fmt.Errorf("can't store %s here", marker),
		"quoted":  fmt.Errorf("can't store %q here", marker),
		"upper":   errors.New(strings.ToUpper(marker)),
		"part":    errors.New("near " + marker[4:12]),
		"base64":  errors.New("command add -w " + base64.StdEncoding.EncodeToString([]byte(marker))),
		"hex":     fmt.Errorf("%x", marker),
		"decimal": fmt.Errorf("%v", []byte(marker)),
		"wrapped": fmt.Errorf("outer: %w", errors.New(marker)),
	} {
		for system, store := range map[string]keychain.Store{
			"fake": keychain.NewFake(&fake{set: func(_, _ string) error { return err }}, true),
			"this": keychain.NewFakeSystem(&fake{set: func(_, _ string) error { return err }}),
		} {
			got := store.Set(t.Context(), "id", secret)
			e := asError(t, got)
			assert.Equal(t, keychain.Failed, e.Kind)
			noMarker(t, name+" on "+system, fmt.Sprintf("%v %+v %#v %s", got, got, got, e.Hint))
			for chain := got; chain != nil; chain = errors.Unwrap(chain) {
				noMarker(t, name+" in the chain", fmt.Sprintf("%v %#v", chain, chain))
				assert.NotContains(t, chain.Error(), marker[4:12])
			}
		}
	}
}

func TestUnforeseenErrorsAreShownShortAndClean(t *testing.T) {
	store := keychain.NewFake(&fake{get: func(string) (string, error) {
		return "", errors.New("wire\n\x1b[31m broke " + strings.Repeat("é", 500))
	}}, false)
	_, err := store.Get(t.Context(), "id")
	require.ErrorContains(t, err, "the keychain failed: wire [31m broke é")
	assert.NotContains(t, err.Error(), "\x1b")
	assert.Less(t, len([]rune(err.Error())), 300)
}

func TestPanicBecomesAnError(t *testing.T) {
	boom := func() { panic("boom " + marker) }
	store := keychain.NewFake(&fake{
		get: func(string) (string, error) { boom(); return "", nil },
		set: func(string, string) error { var none *fake; none.entries["x"] = marker; return nil },
		del: func(string) error { boom(); return nil },
	}, true)
	_, err := store.Get(t.Context(), "id")
	for _, err := range []error{err, store.Set(t.Context(), "id", keychain.NewSecret(marker)), store.Delete(t.Context(), "id")} {
		e := asError(t, err)
		assert.Equal(t, keychain.Failed, e.Kind)
		assert.NotEmpty(t, e.Hint)
		noMarker(t, "panic", fmt.Sprintf("%v %#v", err, err))
		assert.NotContains(t, err.Error(), "boom")
		assert.NotContains(t, err.Error(), "goroutine")
		assert.NotContains(t, err.Error(), ".go:")
	}
}

// In a synctest bubble, time passes only while all goroutines wait, so the times are exact.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := true
		store := keychain.NewFake(&fake{get: func(string) (string, error) {
			if stuck {
				<-release
			}
			return "late", nil
		}}, false)
		elapsed := func(ctx context.Context) (time.Duration, error) {
			start := time.Now()
			_, err := store.Get(ctx, "id")
			return time.Since(start), err
		}

		// Without a deadline, the default applies.
		took, err := elapsed(context.Background())
		assert.Equal(t, keychain.DefaultBudget, took)
		require.ErrorIs(t, err, keychain.ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "no answer within 8s")
		assert.NotEmpty(t, asError(t, err).Hint)

		// The caller's deadline replaces the default, whether it is shorter or longer.
		for _, budget := range []time.Duration{time.Second, time.Minute} {
			ctx, cancel := context.WithTimeout(context.Background(), budget)
			took, err := elapsed(ctx)
			cancel()
			assert.Equal(t, budget, took)
			require.ErrorIs(t, err, keychain.ErrTimeout)
		}

		// A canceled call is not a timeout.
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(2*time.Second, cancel)
		took, err = elapsed(ctx)
		assert.Equal(t, 2*time.Second, took)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, keychain.ErrTimeout)

		// Calls that timed out don't block the next one.
		synctest.Wait()
		stuck = false
		got, err := store.Get(context.Background(), "id")
		require.NoError(t, err)
		assert.Equal(t, "late", got.Reveal())
		close(release)
	})
}

func TestOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		store := keychain.NewFake(&fake{get: func(string) (string, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return "v", nil
		}}, false)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				_, err := store.Get(context.Background(), "id")
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, most)
	})
}

func TestDeleteChecksThatTheKeyIsGone(t *testing.T) {
	t.Run("dismissed prompt", func(t *testing.T) {
		f := &fake{entries: map[string]string{"id": "v"}, del: func(string) error { return nil }}
		err := keychain.NewFake(f, true).Delete(t.Context(), "id")
		require.ErrorIs(t, err, keychain.ErrRefused)
		assert.NotEmpty(t, asError(t, err).Hint)
	})
	t.Run("second item under the same names", func(t *testing.T) {
		left := 2
		f := &fake{
			get: func(string) (string, error) {
				if left == 0 {
					return "", keyring.ErrNotFound
				}
				return "v", nil
			},
			del: func(string) error { left--; return nil },
		}
		require.NoError(t, keychain.NewFake(f, true).Delete(t.Context(), "id"))
		assert.Zero(t, left)
	})
}

func TestEmptyStoredKeyIsAnError(t *testing.T) {
	store := keychain.NewFake(&fake{entries: map[string]string{"id": ""}}, false)
	got, err := store.Get(t.Context(), "id")
	require.Error(t, err)
	assert.True(t, got.IsZero())
	assert.NotEmpty(t, asError(t, err).Hint)
}

func TestLibraryErrors(t *testing.T) {
	for err, want := range map[error]keychain.Kind{
		keyring.ErrNotFound:            keychain.NotFound,
		keyring.ErrSetDataTooBig:       keychain.TooLarge,
		keyring.ErrUnsupportedPlatform: keychain.NoKeychain,
		errors.New("anything else"):    keychain.Failed,
	} {
		got := asError(t, keychain.Explain(t.Context(), err, keychain.Secret{}))
		assert.Equal(t, want, got.Kind, "%v", err)
	}
}
