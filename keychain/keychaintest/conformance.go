// Package keychaintest supports tests of code that stores or reads keys. It has a conformance suite
// for every keychain.Store. It also starts a real Secret Service on a private D-Bus, for the suite
// or the whole program.
//
// It is for tests only. If a program is missing, the test fails and names the Debian package; it is
// never skipped. The package does not use the user's keychains, buses or folders.
package keychaintest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

// callBudget limits each call of the suite. Only a store that hangs reaches it.
const callBudget = 30 * time.Second

// Conformance runs the tests that every keychain.Store must pass. open returns the store under test,
// and is called once for each part of the suite. The parts use random ids and delete their
// keys, so the store may be shared and need not be empty.
func Conformance(t *testing.T, open func(t *testing.T) keychain.Store) {
	t.Helper()
	conformance(t, open, 8)
}

// ConformanceSlow is like Conformance, with fewer concurrent calls, for a store whose calls start
// several programs.
func ConformanceSlow(t *testing.T, open func(t *testing.T) keychain.Store) {
	t.Helper()
	conformance(t, open, 3)
}

func conformance(t *testing.T, open func(t *testing.T) keychain.Store, workers int) {
	t.Helper()
	parts := []struct {
		name string
		run  func(t *testing.T, s suite)
	}{
		{"name", func(t *testing.T, s suite) { assert.NotEmpty(t, s.store.Name()) }},
		{"not found", testNotFound},
		{"set get overwrite delete", testLifeOfAKey},
		{"ids are apart", testApart},
		{"values come back byte for byte", testValues},
		{"too large", testTooLarge},
		{"refused input", testRefusedInput},
		{"context over", testContextOver},
		{"concurrent, one id each", testConcurrentApart},
		{"concurrent, one id for all", testConcurrentTogether},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, suite{store: open(t), workers: workers}) })
	}
}

type suite struct {
	store   keychain.Store
	workers int // how many goroutines call the store at once, in the tests of concurrency
}

// id returns an unused id. Its key is deleted at the end of the test.
func (s suite) id(t *testing.T) string {
	t.Helper()
	id := "conformance-" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		if err := s.delete(t, id); err != nil && !errors.Is(err, keychain.ErrNotFound) {
			t.Errorf("could not clean up: %v", err)
		}
	})
	return id
}

func bounded(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.Background(), callBudget)
}

func (s suite) get(t *testing.T, id string) (keychain.Secret, error) {
	t.Helper()
	ctx, cancel := bounded(t)
	defer cancel()
	return s.store.Get(ctx, id)
}

func (s suite) set(t *testing.T, id, value string) error {
	t.Helper()
	ctx, cancel := bounded(t)
	defer cancel()
	return s.store.Set(ctx, id, keychain.NewSecret(value))
}

func (s suite) delete(t *testing.T, id string) error {
	t.Helper()
	ctx, cancel := bounded(t)
	defer cancel()
	return s.store.Delete(ctx, id)
}

func (s suite) holds(t *testing.T, id, want string) {
	t.Helper()
	got, err := s.get(t, id)
	require.NoError(t, err)
	assert.Equal(t, want, got.Reveal())
}

// isError checks the fields that every error has.
func (s suite) isError(t *testing.T, err error, kind keychain.Kind, op, id string) {
	t.Helper()
	require.Error(t, err)
	var e *keychain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, kind, e.Kind, "kind of %q is %s, want %s", err, e.Kind, kind)
	assert.Equal(t, op, e.Op)
	assert.Equal(t, id, e.ID)
	assert.Equal(t, s.store.Name(), e.Store)
	assert.NotContains(t, e.Error(), "\n")
}

func testNotFound(t *testing.T, s suite) {
	id := s.id(t)
	got, err := s.get(t, id)
	s.isError(t, err, keychain.NotFound, "get", id)
	require.ErrorIs(t, err, keychain.ErrNotFound)
	assert.True(t, got.IsZero(), "a failed Get must give no secret")

	err = s.delete(t, id)
	s.isError(t, err, keychain.NotFound, "delete", id)
	require.ErrorIs(t, err, keychain.ErrNotFound)
}

func testLifeOfAKey(t *testing.T, s suite) {
	id := s.id(t)
	require.NoError(t, s.set(t, id, "first"))
	s.holds(t, id, "first")
	s.holds(t, id, "first") // Get must not remove the key
	require.NoError(t, s.set(t, id, "the second is longer"))
	s.holds(t, id, "the second is longer")
	require.NoError(t, s.set(t, id, "3rd"))
	s.holds(t, id, "3rd")

	require.NoError(t, s.delete(t, id))
	_, err := s.get(t, id)
	require.ErrorIs(t, err, keychain.ErrNotFound)
	require.ErrorIs(t, s.delete(t, id), keychain.ErrNotFound)

	require.NoError(t, s.set(t, id, "again"))
	s.holds(t, id, "again")
}

func testApart(t *testing.T, s suite) {
	one := s.id(t)
	two := s.id(t)
	longer := one + "-longer" // an id that begins with another id
	t.Cleanup(func() { _ = s.delete(t, longer) })
	require.NoError(t, s.set(t, one, "value one"))
	require.NoError(t, s.set(t, two, "value two"))
	require.NoError(t, s.set(t, longer, "value three"))
	s.holds(t, one, "value one")
	s.holds(t, two, "value two")
	s.holds(t, longer, "value three")
	require.NoError(t, s.delete(t, one))
	_, err := s.get(t, one)
	require.ErrorIs(t, err, keychain.ErrNotFound)
	s.holds(t, two, "value two")
	s.holds(t, longer, "value three")
}

func testValues(t *testing.T, s suite) {
	for name, value := range map[string]string{
		"one byte":       "k",
		"spaces around":  "  key with spaces  ",
		"utf-8":          "schlüssel-鍵-🔑",
		"two-byte runes": strings.Repeat("ü", keychain.MaxSecretSize/2),
		"quotes":         `a'b"c\d$e` + "`f`;%s%d",
		"looks encoded":  "go-keyring-base64:a2V5",
		"largest":        strings.Repeat("0123456789abcdef", keychain.MaxSecretSize/16),
	} {
		t.Run(name, func(t *testing.T) {
			id := s.id(t)
			require.NoError(t, s.set(t, id, value))
			s.holds(t, id, value)
		})
	}
	t.Run("odd id", func(t *testing.T) {
		id := s.id(t) + ` ü'"$;\`
		t.Cleanup(func() { _ = s.delete(t, id) })
		require.NoError(t, s.set(t, id, "odd"))
		s.holds(t, id, "odd")
		require.NoError(t, s.delete(t, id))
	})
}

func testTooLarge(t *testing.T, s suite) {
	id := s.id(t)
	const marker = "marker-in-a-key-too-large"
	require.NoError(t, s.set(t, id, "the old one"))
	for name, key := range map[string]string{
		"by one byte":        marker + strings.Repeat("x", keychain.MaxSecretSize+1-len(marker)),
		"by one rune's half": marker + strings.Repeat("x", keychain.MaxSecretSize-1-len(marker)) + "ü",
		"by far":             marker + strings.Repeat("x", 10*keychain.MaxSecretSize),
	} {
		t.Run(name, func(t *testing.T) {
			err := s.set(t, id, key)
			s.isError(t, err, keychain.TooLarge, "set", id)
			require.ErrorIs(t, err, keychain.ErrTooLarge)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), marker)
			s.holds(t, id, "the old one")
		})
	}
}

func testRefusedInput(t *testing.T, s suite) {
	for name, id := range map[string]string{
		"empty id":         "",
		"nul in id":        "a\x00b",
		"line break in id": "a\nb",
		"id not utf-8":     "a\xffb",
		"id too long":      strings.Repeat("i", 256),
	} {
		t.Run(name, func(t *testing.T) {
			s.isError(t, s.set(t, id, "value"), keychain.Failed, "set", id)
			_, err := s.get(t, id)
			s.isError(t, err, keychain.Failed, "get", id)
			s.isError(t, s.delete(t, id), keychain.Failed, "delete", id)
		})
	}
	for name, secret := range map[string]string{
		"empty secret":         "",
		"line break at end":    "key\n",
		"windows line end":     "key\r\n",
		"carriage return":      "key\rmore",
		"several lines":        "line one\nline two",
		"nul":                  "key\x00more",
		"nul at end":           "key\x00",
		"escape":               "\x1b[31mkey",
		"delete":               "key\x7f",
		"c1 control":           "key\u0085",
		"not utf-8":            "key\xff",
		"half of a utf-8 rune": "key\xc3",
	} {
		t.Run(name, func(t *testing.T) {
			id := s.id(t)
			s.isError(t, s.set(t, id, secret), keychain.Failed, "set", id)
			_, err := s.get(t, id)
			require.ErrorIs(t, err, keychain.ErrNotFound, "nothing may have been stored")
		})
	}
}

func testContextOver(t *testing.T, s suite) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		kind keychain.Kind
		is   error
	}{
		{"cancelled", cancelled, keychain.Failed, context.Canceled},
		{"expired", expired, keychain.Timeout, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := s.id(t)
			require.NoError(t, s.set(t, id, "stays"))
			check := func(err error, op string) {
				t.Helper()
				s.isError(t, err, c.kind, op, id)
				require.ErrorIs(t, err, c.is)
				assert.Equal(t, c.kind == keychain.Timeout, errors.Is(err, keychain.ErrTimeout))
			}
			got, err := s.store.Get(c.ctx, id)
			check(err, "get")
			assert.True(t, got.IsZero())
			check(s.store.Set(c.ctx, id, keychain.NewSecret("other")), "set")
			check(s.store.Delete(c.ctx, id), "delete")
			s.holds(t, id, "stays")
		})
	}
}

func testConcurrentApart(t *testing.T, s suite) {
	ids := make([]string, s.workers)
	for i := range ids {
		ids[i] = s.id(t)
	}
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			for round := range 2 {
				value := fmt.Sprintf("value-%d-%d", i, round)
				if !assert.NoError(t, s.set(t, id, value)) {
					return
				}
				got, err := s.get(t, id)
				if assert.NoError(t, err) {
					assert.Equal(t, value, got.Reveal())
				}
			}
			assert.NoError(t, s.delete(t, id))
		})
	}
	wg.Wait()
}

func testConcurrentTogether(t *testing.T, s suite) {
	id := s.id(t)
	require.NoError(t, s.set(t, id, "value-start"))
	var wg sync.WaitGroup
	for i := range s.workers {
		wg.Go(func() {
			assert.NoError(t, s.set(t, id, fmt.Sprintf("value-%d", i)))
			got, err := s.get(t, id)
			if assert.NoError(t, err) {
				assert.Regexp(t, `^value-\d+$`, got.Reveal())
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.delete(t, id))
	_, err := s.get(t, id)
	require.ErrorIs(t, err, keychain.ErrNotFound, "many writes must have left one entry")
}
