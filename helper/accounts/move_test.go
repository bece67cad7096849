package accounts

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

func (w *world) moveTo(store string) (Moved, error) {
	return w.Move(store, func(string) error { return nil })
}

// allIn checks that each account's key is only in this store, and that no move is pending.
func (w *world) allIn(store, when string) {
	w.t.Helper()
	o := w.overview()
	assert.Equal(w.t, store, new(Choice).StoreIn(o.Settings), when)
	assert.Empty(w.t, o.Settings.Move, when)
	for _, v := range o.Accounts {
		for name := range w.stores {
			want := ""
			if name == store {
				want = "key-of-" + v.Label
			}
			assert.Equal(w.t, want, w.keyIn(name, v.ID), "%s: %s in %s", when, v.Label, name)
		}
	}
}

func TestMove(t *testing.T) {
	w := newWorld(t)
	w.add("Work")
	gone := w.add("Personal")
	moved, err := w.moveTo(FileStore)
	require.NoError(t, err)
	assert.Equal(t, Moved{From: OSStore, To: FileStore, Labels: []string{"Work", "Personal"}, Missing: []string{}}, moved)
	w.allIn(FileStore, "moved")

	moved, err = w.moveTo(FileStore)
	require.NoError(t, err)
	assert.Equal(t, Moved{From: FileStore, To: FileStore, Labels: []string{}, Missing: []string{}}, moved)

	require.NoError(t, w.stores[FileStore].Delete(t.Context(), gone.ID))
	moved, err = w.moveTo(OSStore)
	require.NoError(t, err)
	assert.Equal(t, []string{"Work"}, moved.Labels)
	assert.Equal(t, []string{"Personal"}, moved.Missing)
	assert.Equal(t, []string{"Personal has no key in the encrypted file"}, w.said.warnings)
	_, err = w.moveTo("cloud")
	assert.Error(t, err)
}

// The test interrupts a move at each call of a store, before or after the call takes effect. Every
// key is still in the store of the settings. Another move, to any store, completes the interrupted
// move.
func TestMoveCutShort(t *testing.T) {
	for n := 1; ; n++ {
		for _, later := range []bool{false, true} {
			for _, to := range []string{FileStore, OSStore, "docker:vault"} {
				when := fmt.Sprintf("cut at call %d, after it: %v, then to %s", n, later, to)
				w := newWorld(t)
				w.add("Work")
				w.add("Personal")
				if !w.cutAt(n, later) {
					require.Greater(t, n, 10)
					w.allIn(FileStore, "not cut")
					return
				}
				w.noneLost(when)
				_, err := w.moveTo(to)
				require.NoError(t, err, when)
				w.allIn(to, when)
			}
		}
	}
}

// cutAt starts a move to the encrypted file, in which the n-th call to a store and all later calls
// fail. If later is true, the n-th call takes effect before it fails. cutAt reports whether there
// was an n-th call.
func (w *world) cutAt(n int, later bool) bool {
	calls := 0
	for _, f := range w.stores {
		f.before = func(string, string) error {
			calls++
			if calls > n || calls == n && !later {
				return errCut
			}
			return nil
		}
		f.after = func(string, string) error {
			if calls == n {
				return errCut
			}
			return nil
		}
	}
	_, err := w.moveTo(FileStore)
	for _, f := range w.stores {
		f.before, f.after = nil, nil
	}
	if calls >= n && err != nil {
		assert.ErrorIs(w.t, err, errCut)
	}
	return calls >= n
}

// noneLost checks that each account's key is in the store of the settings.
func (w *world) noneLost(when string) {
	w.t.Helper()
	o := w.overview()
	for _, v := range o.Accounts {
		assert.Equal(w.t, "key-of-"+v.Label, w.keyIn(new(Choice).StoreIn(o.Settings), v.ID), "%s: %s", when, v.Label)
	}
}

// If an interrupted move is completed later, keys that were removed or replaced in between do not
// come back.
func TestMoveCutShortAndThenChanges(t *testing.T) {
	for n := 1; ; n++ {
		w := newWorld(t)
		work := w.add("Work")
		personal := w.add("Personal")
		if !w.cutAt(n, true) {
			require.Greater(t, n, 10)
			return
		}
		when := fmt.Sprintf("cut at call %d", n)
		require.NoError(t, w.Remove(work), when)
		require.NoError(t, w.Replace(t.Context(), personal, keychain.NewSecret("anew"), true), when)
		_, err := w.moveTo(FileStore)
		require.NoError(t, err, when)
		assert.Equal(t, []string{"Personal"}, w.labels())
		for name := range w.stores {
			assert.Empty(t, w.keyIn(name, work.ID), when)
		}
		assert.Equal(t, "anew", w.keyIn(FileStore, personal.ID), when)
		assert.Empty(t, w.keyIn(OSStore, personal.ID), when)
	}
}

// A move includes keys without an account, which killed commands may leave.
func TestMoveTakesUnlistedKeys(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Pool.Prepare(t.Context(), "0123", "Lost"))
	require.NoError(t, w.stores[OSStore].Set(t.Context(), "0123", keyOf("Lost")))
	moved, err := w.moveTo(FileStore)
	require.NoError(t, err)
	assert.Empty(t, moved.Labels)
	assert.Equal(t, "key-of-Lost", w.keyIn(FileStore, "0123"))
	assert.Empty(t, w.keyIn(OSStore, "0123"))
}

// If two names mean the same store, no key is deleted.
func TestMoveToTheSamePlace(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	w.stores["docker:vault"].Store = w.stores[OSStore].Store
	_, err := w.moveTo("docker:vault")
	assert.ErrorContains(t, err, "the same store under two names")
	assert.Equal(t, "key-of-Work", w.keyIn(OSStore, v.ID))
	assert.Empty(t, w.overview().Settings.Move)
}

func TestMoveThatIsNotConfirmed(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	no := errors.New("no")
	asked := ""
	_, err := w.Move(FileStore, func(question string) error {
		asked = question
		return no
	})
	assert.ErrorIs(t, err, no)
	assert.Equal(t, "Move 1 key from the OS keychain to the encrypted file, and delete the old copies?", asked)
	assert.Empty(t, w.keyIn(FileStore, v.ID))
	w.allIn(OSStore, "not confirmed")
}

func TestMoveRemembersTheIdentity(t *testing.T) {
	w := newWorld(t)
	w.add("Work")
	beside, elsewhere := filepath.Join(w.env["OCGO_KEY_STATE_DIR"], "id.txt"), filepath.Join(t.TempDir(), "id.txt")
	for _, identity := range []string{beside, elsewhere, "fd:3"} {
		w.Keys.opened[FileStore+"\n"+identity] = w.stores[FileStore]
	}
	for _, row := range []struct {
		given, remembered string
		beside            bool
	}{{beside, beside, true}, {elsewhere, elsewhere, false}, {"fd:3", elsewhere, false}} {
		w.Keys.Identity = row.given
		moved, err := w.moveTo(FileStore)
		require.NoError(t, err)
		assert.Equal(t, row.beside, moved.Beside, "%+v", row)
		assert.Equal(t, row.remembered, w.overview().Settings.Identity, "%+v: a descriptor is not remembered", row)
		_, err = w.moveTo(OSStore)
		require.NoError(t, err)
	}
}

// If a store cannot be used, Move returns an error before it changes anything.
func TestMoveToAStoreThatIsShut(t *testing.T) {
	w := newWorld(t)
	w.add("Work")
	w.stores[FileStore].before = func(string, string) error {
		return &keychain.Error{Kind: keychain.Locked, Op: "get", Store: FileStore, ID: "x", Hint: "unlock it", Err: errors.New("locked")}
	}
	_, err := w.moveTo(FileStore)
	assert.ErrorIs(t, err, keychain.ErrLocked)
	assert.EqualError(t, err, "nothing was moved: locked")
	assert.Equal(t, rotation.KeyMove{}, w.overview().Settings.Move)

	// After a key was copied, the next move tells the user that it continues the interrupted one.
	w.stores[FileStore].before = failing("set")
	_, err = w.moveTo(FileStore)
	next, _ := hint.Of(err)
	assert.Equal(t, "no key was deleted; the same command continues where this one ended", next)
	w.stores[FileStore].before = nil
	_, err = w.moveTo(FileStore)
	require.NoError(t, err)
	assert.Contains(t, w.said.lines, "continuing a move that was interrupted")
	w.allIn(FileStore, "gone on")
}

// A change of a setting can cancel a move that the user did not choose. While the keychain is
// locked, it is unknown whether the user chose the move. Then the move is not canceled, since the
// keys could be in two stores.
func TestSettingsLeaveAMoveWhileTheKeychainIsLocked(t *testing.T) {
	w := newWorld(t)
	w.add("Work")
	notes := newFlawed("notes")
	w.Keys.opened[notesName] = notes
	w.stores["docker:vault"].after = failing("set")
	_, err := w.moveTo("docker:vault")
	require.ErrorIs(t, err, errCut)
	under := rotation.KeyMove{From: OSStore, To: "docker:vault"}
	require.Equal(t, under, w.overview().Settings.Move)

	notes.before = failing("get")
	_, err = storeSetting.Change(t.Context(), w.Pool, w.Keys, nil)
	assert.ErrorContains(t, err, "was interrupted")
	assert.Equal(t, under, w.overview().Settings.Move)
}
