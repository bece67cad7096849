package accounts

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

func TestAdd(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	assert.Equal(t, "key-of-Work", w.keyIn(OSStore, v.ID))
	assert.Equal(t, []string{"Work"}, w.labels())
	assert.Empty(t, w.unlisted())

	_, err := w.Add(t.Context(), "Again", keyOf("Work"), true)
	assert.ErrorIs(t, err, rotation.ErrAlreadyThere)
	assert.ErrorContains(t, err, "as Work")
	_, err = w.Add(t.Context(), "work", keyOf("Other"), true)
	assert.ErrorIs(t, err, rotation.ErrAlreadyThere, "labels that differ only in case count as the same")
	assert.Equal(t, []string{"Work"}, w.labels())
	assert.Empty(t, w.unlisted())
}

// If the store does not keep the key unchanged, the account is not added, and the key is deleted.
func TestAddTakesBackAKeyThatCannotBeReadBack(t *testing.T) {
	for name, flaw := range map[string]func(*flawed){
		"not read back": func(f *flawed) {
			f.before = func(op, id string) error {
				if op == "get" {
					if _, err := f.Store.Get(context.Background(), id); err == nil {
						return errCut
					}
				}
				return nil
			}
		},
		"read back as another": func(f *flawed) {
			f.read = func(keychain.Secret) keychain.Secret { return keychain.NewSecret("another") }
		},
		"stored, with an error": func(f *flawed) { f.after = failing("set") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			flaw(w.stores[OSStore])
			_, err := w.Add(t.Context(), "Work", keyOf("Work"), true)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "key-of-Work")
			assert.Empty(t, w.labels())
			assert.Empty(t, w.unlisted(), "nothing is left to clean up")
			require.NotEmpty(t, w.stores[OSStore].stored)
			for _, id := range w.stores[OSStore].stored {
				assert.Empty(t, w.keyIn(OSStore, id))
			}
		})
	}
}

// If the key of a failed add cannot be deleted, its id stays on the pending list.
func TestAddNotesAKeyThatItCannotTakeBack(t *testing.T) {
	w := newWorld(t)
	w.stores[OSStore].after = failing("set")
	w.stores[OSStore].before = failing("delete")
	_, err := w.Add(t.Context(), "Work", keyOf("Work"), true)
	require.ErrorIs(t, err, errCut)
	assert.Empty(t, w.labels())
	require.Len(t, w.unlisted(), 1)
	assert.Equal(t, "key-of-Work", w.keyIn(OSStore, w.unlisted()[0]))
}

func TestAddAsksTheService(t *testing.T) {
	w := newWorld(t)
	w.serve(fakeservice.Account{Key: "key-of-Work", Label: "Work", Workspace: "wrk_1", User: "usr_1"},
		fakeservice.Account{Key: "key-of-Second", Label: "Second", Workspace: "wrk_1", User: "usr_1"})
	_, err := w.Add(t.Context(), "Stranger", keyOf("Stranger"), false)
	assert.ErrorIs(t, err, ErrUnknownKey)
	assert.ErrorIs(t, err, hint.ErrRefused)
	assert.Empty(t, w.labels())

	_, err = w.Add(t.Context(), "Work", keyOf("Work"), false)
	require.NoError(t, err)
	assert.Equal(t, "wrk_1", w.find("Work").Workspace)
	assert.NotNil(t, w.find("Work").Usage, "the usage is recorded")
	assert.Empty(t, w.said.warnings)
	_, err = w.Add(t.Context(), "Second", keyOf("Second"), false)
	require.NoError(t, err)
	if assert.Len(t, w.said.warnings, 1) {
		assert.Contains(t, w.said.warnings[0], "same workspace and user as Work: the two share one usage limit")
	}
}

func TestReplace(t *testing.T) {
	w := newWorld(t)
	work, spare := w.add("Work"), w.add("Spare")
	require.NoError(t, w.Replace(t.Context(), work, keychain.NewSecret("anew"), true))
	assert.Equal(t, "anew", w.keyIn(OSStore, work.ID))
	assert.Equal(t, work.KeyRev+1, w.find("Work").KeyRev)
	assert.ErrorIs(t, w.Replace(t.Context(), work, keyOf("Spare"), true), rotation.ErrAlreadyThere)
	assert.Equal(t, "anew", w.keyIn(OSStore, work.ID))

	// If a replacement was interrupted before the pool recorded it, replacing with the same key
	// completes it.
	require.NoError(t, w.Pool.PrepareReplace(t.Context(), spare.ID))
	require.NoError(t, w.Replace(t.Context(), spare, keyOf("Spare"), true))
	assert.Equal(t, spare.KeyRev+1, w.find("Spare").KeyRev)
}

// If the store does not keep the new key, the old key is restored, and the pool does not change.
func TestReplacePutsTheOldKeyBack(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	w.stores[OSStore].read = func(key keychain.Secret) keychain.Secret {
		if key.Reveal() == "anew" {
			return keychain.NewSecret("another")
		}
		return key
	}
	require.Error(t, w.Replace(t.Context(), v, keychain.NewSecret("anew"), true))
	assert.Equal(t, "key-of-Work", w.keyIn(OSStore, v.ID))
	assert.Equal(t, v.KeyRev, w.find("Work").KeyRev)
}

// If an account is removed while it gets a new key, the new key is deleted.
func TestReplaceOfAnAccountThatIsRemoved(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	w.stores[OSStore].after = func(op, id string) error {
		if op == "set" {
			return w.pool().Remove(context.Background(), id)
		}
		return nil
	}
	assert.ErrorIs(t, w.Replace(t.Context(), v, keychain.NewSecret("anew"), true), rotation.ErrNoSuchAccount)
	assert.Empty(t, w.keyIn(OSStore, v.ID))
	assert.Empty(t, w.unlisted())
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	require.NoError(t, w.Remove(v))
	assert.Empty(t, w.labels())
	assert.Empty(t, w.keyIn(OSStore, v.ID))
}

// If a removal fails before or after the deletion of the key, the account stays in the pool. The
// next removal completes it.
func TestRemoveFinishesWhatWasCutShort(t *testing.T) {
	for name, cut := range map[string]func(*flawed){
		"before the key was deleted": func(f *flawed) { f.before = failing("delete") },
		"after the key was deleted":  func(f *flawed) { f.after = failing("delete") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := w.add("Work")
			cut(w.stores[OSStore])
			err := w.Remove(v)
			require.ErrorIs(t, err, errCut)
			next, _ := hint.Of(err)
			assert.Contains(t, next, "the same command finishes the removal")
			assert.Equal(t, []string{"Work"}, w.labels())

			w.stores[OSStore].before, w.stores[OSStore].after = nil, nil
			require.NoError(t, w.Remove(v))
			assert.Empty(t, w.labels())
			assert.Empty(t, w.keyIn(OSStore, v.ID))
		})
	}
}

// If the store is locked, Remove returns an error before it changes anything.
func TestRemoveFromALockedStore(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	w.stores[OSStore].before = func(op, _ string) error {
		if op == "get" {
			return &keychain.Error{Kind: keychain.Locked, Op: op, Store: OSStore, Err: errors.New("locked")}
		}
		return nil
	}
	assert.ErrorIs(t, w.Remove(v), keychain.ErrLocked)
	assert.Equal(t, []string{"Work"}, w.labels())
	assert.Equal(t, "key-of-Work", w.keyIn(OSStore, v.ID))
}

func TestHeld(t *testing.T) {
	w := newWorld(t)
	work, spare := w.add("Work"), w.add("Spare")
	require.NoError(t, w.stores[OSStore].Delete(t.Context(), spare.ID))
	held, err := w.Held(w.overview())
	require.NoError(t, err)
	require.Len(t, held.Secrets(), 1)
	v, ok := held.Of(keyOf("Work"))
	assert.True(t, ok)
	assert.Equal(t, work.ID, v.ID)
	_, ok = held.Of(keyOf("Spare"))
	assert.False(t, ok)
	w.stores[OSStore].before = failing("get")
	_, err = w.Held(w.overview())
	assert.ErrorIs(t, err, errCut)
}

func TestLabels(t *testing.T) {
	for label, refused := range map[string]string{
		"Work": "", "Work, Berlin": "", "Büro": "", "Account 2": "", strings.Repeat("ö", maxLabel): "", "$(touch x)": "",
		"": "cannot be empty", " Work": "begin or end with a space", "Work\t": "begin or end with a space", "\n": "cannot be empty",
		"7": "is a number", "-7": "is a number", "-x": "begins a flag", strings.Repeat("ö", maxLabel+1): "at most 40 characters",
		"a\x1b[31mb": "printable", "a\nb": "printable", "a\xffb": "printable", "a\u202eb": "printable",
		"sk-0123456789abcdefghijklmnopqrstuvwxyz0123": "at most 40", "sk-0123456789abcdefghijklmnopqrstuv": "looks like a key",
	} {
		err := CheckLabel(label)
		if refused == "" {
			assert.NoError(t, err, "%q", label)
			continue
		}
		if assert.ErrorIs(t, err, hint.ErrInput, "%q", label) {
			assert.ErrorContains(t, err, refused, "%q", label)
		}
	}

	w := newWorld(t)
	label, err := w.FreeLabel(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "Account 1", label)
	w.add(label)
	label, err = w.FreeLabel(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "Account 2", label)
	for _, wanted := range []string{"Account 1", "account 1"} {
		_, err = w.FreeLabel(t.Context(), &wanted)
		assert.ErrorIs(t, err, rotation.ErrAlreadyThere)
	}
	bad := ""
	_, err = w.FreeLabel(t.Context(), &bad)
	assert.ErrorIs(t, err, hint.ErrInput)
}

// FitLabel makes a valid and free label from any label.
func TestFitLabel(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", maxLabel)
	w.add("Work")
	w.add(long)
	for wanted, want := range map[string]string{
		"Personal": "Personal", "work": "work 2", "-- Spare": "Spare", "a\nb": "a b", "7": "Account 3", "": "Account 3",
		"sk-0123456789abcdefghijklmnopqrstuv": "Account 3", long + "y": long[:maxLabel-2] + " 2",
	} {
		got := FitLabel(w.overview(), wanted)
		assert.Equal(t, want, got, "%q", wanted)
		assert.NoError(t, CheckLabel(got))
	}
}

func TestIDs(t *testing.T) {
	a, b := NewID(), NewID()
	assert.Regexp(t, `^[0-9a-f]{16}$`, a)
	assert.NotEqual(t, a, b)
}

func TestReach(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Reach("Work"))
	w.stores[OSStore].before = func(string, string) error {
		return &keychain.Error{Kind: keychain.Locked, Op: "get", Store: OSStore, ID: "x", Err: errors.New("the keychain is locked")}
	}
	err := w.Reach("Work")
	assert.ErrorIs(t, err, keychain.ErrLocked)
	assert.EqualError(t, err, "Work was not added: the keychain is locked")
}
