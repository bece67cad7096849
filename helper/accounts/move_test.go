package accounts

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/hint"
	"ocgo-key/rotation"
)

const elsewhere = "docker:other"

func yes(string) error { return nil }

func (tr *trial) settings() rotation.Settings {
	tr.t.Helper()
	s, err := tr.Keys.settings()
	require.NoError(tr.t, err)
	return s
}

func TestMove(t *testing.T) {
	tr := newTrial(t)
	tr.add("Work", "sk-work-0123456789")
	tr.add("Personal", "sk-personal-0123456789")
	var asked string
	moved, err := tr.Move(elsewhere, func(question string) error { asked = question; return nil })
	require.NoError(t, err)
	assert.Equal(t, Moved{From: OSStore, To: elsewhere, Labels: []string{"Work", "Personal"}, Missing: []string{}}, moved)
	assert.Equal(t, "Move 2 keys from the OS keychain to docker:other, and delete the old?", asked)
	assert.Zero(t, tr.holds(tr.os))
	assert.Equal(t, 2, tr.holds(tr.other))
	assert.Equal(t, rotation.Settings{Store: elsewhere}, tr.settings())

	moved, err = tr.Move(elsewhere, func(string) error { t.Error("there is nothing to ask"); return nil })
	require.NoError(t, err)
	assert.Equal(t, elsewhere, moved.From)
}

// Wherever a move is cut short, each key is in one of the stores, `get` finds it, and the same call finishes the move.
func TestMoveThatIsCutShort(t *testing.T) {
	stop := errors.New("cut short")
	for name, cut := range map[string]func(*trial){
		"at the first key":  func(tr *trial) { tr.other.set = stop },
		"while it deletes":  func(tr *trial) { tr.os.del = stop },
		"before it begins":  func(tr *trial) { tr.other.get = stop },
		"by its user's no":  nil,
		"reading the other": func(tr *trial) { tr.os.get = stop },
	} {
		tr := newTrial(t)
		views := []rotation.View{tr.add("Work", "sk-work-0123456789"), tr.add("Personal", "sk-personal-0123456789")}
		confirm := yes
		if cut != nil {
			cut(tr)
		} else {
			confirm = func(string) error { return hint.Refuse("nothing was changed") }
		}
		_, err := tr.Move(elsewhere, confirm)
		require.Error(t, err, name)
		for _, v := range views {
			_, err := tr.Keys.Get(t.Context(), v.ID)
			require.NoError(t, err, "%s: %s", name, v.Label)
		}
		_, err = tr.Move(elsewhere, yes)
		require.NoError(t, err, name)
		assert.Zero(t, tr.holds(tr.os), name)
		assert.Equal(t, 2, tr.holds(tr.other), name)
		assert.Equal(t, rotation.Settings{Store: elsewhere}, tr.settings(), name)
	}
}

// A helper may be a link to another: what is deleted at the one would be gone from both.
func TestMoveToTheSamePlace(t *testing.T) {
	tr := newTrial(t)
	v := tr.add("Work", "sk-work-0123456789")
	tr.other.Store = tr.os.Store
	_, err := tr.Move(elsewhere, yes)
	require.ErrorContains(t, err, "one and the same place")
	_, err = tr.Keys.Get(t.Context(), v.ID)
	require.NoError(t, err)
}

func TestMoveNamesAccountsWithoutAKey(t *testing.T) {
	tr := newTrial(t)
	v := tr.add("Work", "sk-work-0123456789")
	require.NoError(t, tr.os.Store.Delete(t.Context(), v.ID))
	moved, err := tr.Move(elsewhere, yes)
	require.NoError(t, err)
	assert.Equal(t, []string{"Work"}, moved.Missing)
	assert.Equal(t, []string{"Work has no key in the OS keychain"}, tr.heard.warnings)
}

func TestWhichStore(t *testing.T) {
	for want, tt := range map[string]struct{ flag, remembered string }{
		"os": {}, "file": {remembered: "file"}, "docker:pass": {flag: "docker:pass", remembered: "file"},
	} {
		c := Choice{Store: tt.flag}
		assert.Equal(t, want, c.StoreIn(rotation.Settings{Store: tt.remembered}))
	}
	for name, ok := range map[string]bool{"os": true, "file": true, "docker:pass": true, "": false, "OS": false, "docker:": false, "docker:../x": false} {
		assert.Equal(t, ok, CheckStore(name) == nil, name)
	}
}

func TestStoreIsNotChangedUnderAccounts(t *testing.T) {
	tr := newTrial(t)
	require.NoError(t, CheckStoreChange(tr.overview(), rotation.Settings{Store: "file"}), "there is nothing to lose sight of")
	tr.add("Work", "sk-work-0123456789")
	err := CheckStoreChange(tr.overview(), rotation.Settings{Store: "file"})
	require.ErrorContains(t, err, "the keys of 1 account are in the OS keychain")
	next, _ := hint.Of(err)
	assert.Equal(t, "`ocgo-key migrate --to file` moves them", next)
}

func TestLabels(t *testing.T) {
	for label, ok := range map[string]bool{"Work": true, "Work, Berlin": true, "": false, " x": false, "2": false, "-x": false,
		"a\tb": false, "sk-0123456789abcdef": false, "x\u202ey": false} {
		assert.Equal(t, ok, CheckLabel(label) == nil, "%q", label)
	}
	tr := newTrial(t)
	tr.add("Work", "sk-work-0123456789")
	for wanted, want := range map[string]string{"Work": "Work 2", "--x": "x", "12": "Account 2", "": "Account 2", "New": "New"} {
		assert.Equal(t, want, FitLabel(tr.overview(), wanted), "%q", wanted)
	}
}
