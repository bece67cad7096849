package accounts

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// heard keeps what a command tells its user.
type heard struct{ warnings, said []string }

func (h *heard) Say(format string, _ ...any)   { h.said = append(h.said, format) }
func (h *heard) Detail(string, ...any)         {}
func (h *heard) Warn(message string, _ string) { h.warnings = append(h.warnings, message) }

// fragile is a store in memory that fails when it is told to, once for each time.
type fragile struct {
	keychain.Store
	set, get, del error
	keeps         func(keychain.Secret) keychain.Secret // what it stores in place of what it is given
	ids           []string                              // of all keys that it was ever given
}

func once(err *error) error {
	e := *err
	*err = nil
	return e
}

func (f *fragile) Set(ctx context.Context, id string, key keychain.Secret) error {
	if err := once(&f.set); err != nil {
		return err
	}
	f.ids = append(f.ids, id)
	if f.keeps != nil {
		key = f.keeps(key)
	}
	return f.Store.Set(ctx, id, key)
}

func (f *fragile) Get(ctx context.Context, id string) (keychain.Secret, error) {
	if err := once(&f.get); err != nil {
		return keychain.Secret{}, err
	}
	return f.Store.Get(ctx, id)
}

func (f *fragile) Delete(ctx context.Context, id string) error {
	if err := once(&f.del); err != nil {
		return err
	}
	return f.Store.Delete(ctx, id)
}

// trial is a pool in a folder of its own, with two stores in memory that are called os and docker:other, and a service.
type trial struct {
	*Accounts
	t         *testing.T
	os, other *fragile
	heard     *heard
	known     map[string]string // the service's answer to /usage for each key that it knows
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	dir := t.TempDir()
	tr := &trial{t: t, os: &fragile{Store: keychain.NewMemory()}, other: &fragile{Store: keychain.NewMemory()}, heard: &heard{}, known: map[string]string{}}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := tr.known[r.Header.Get("Authorization")]
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(service.Close)
	base, err := url.Parse(service.URL)
	require.NoError(t, err)
	keys := Open(Choice{Getenv: func(name string) string {
		return map[string]string{"OCGO_KEY_STATE_DIR": dir}[name]
	}})
	keys.opened = map[string]keychain.Store{"os\n": tr.os, "docker:other\n": tr.other}
	pool := rotation.Open(dir, func(message string) { t.Error(message) })
	tr.Accounts = &Accounts{Pool: pool, Keys: keys, Service: base, Budget: PersonBudget, Tell: tr.heard}
	return tr
}

func (tr *trial) knows(key, answer string) keychain.Secret {
	tr.known["Bearer "+key] = answer
	return keychain.NewSecret(key)
}

func (tr *trial) add(label, key string) rotation.View {
	tr.t.Helper()
	_, err := tr.Add(tr.t.Context(), label, tr.knows(key, `{}`), false)
	require.NoError(tr.t, err)
	return tr.find(label)
}

func (tr *trial) overview() rotation.Overview {
	tr.t.Helper()
	o, err := tr.Pool.Overview(tr.t.Context())
	require.NoError(tr.t, err)
	return o
}

func (tr *trial) find(label string) rotation.View {
	tr.t.Helper()
	v, err := tr.overview().Find(label)
	require.NoError(tr.t, err)
	return v
}

// holds returns how many keys the store has.
func (tr *trial) holds(f *fragile) (n int) {
	for _, id := range f.ids {
		if _, err := f.Store.Get(tr.t.Context(), id); err == nil {
			n++
		}
	}
	return n
}

func (tr *trial) pending() int {
	tr.t.Helper()
	owners, _, err := tr.Pool.KeyOwners(tr.t.Context())
	require.NoError(tr.t, err)
	return len(owners) - len(tr.overview().Accounts)
}

func TestAddIsWholeOrNothing(t *testing.T) {
	broken := errors.New("the store is broken")
	for name, breaks := range map[string]func(*fragile){
		"it cannot be stored": func(f *fragile) { f.set = broken },
		"it comes back another": func(f *fragile) {
			f.keeps = func(keychain.Secret) keychain.Secret { return keychain.NewSecret("sk-other") }
		},
		"it is stored, and vanishes": func(f *fragile) { f.Store = forgetful{f.Store} },
	} {
		tr := newTrial(t)
		store := tr.os.Store
		breaks(tr.os)
		_, err := tr.Add(t.Context(), "Work", tr.knows("sk-work-0123456789", `{}`), false)
		require.Error(t, err, name)
		tr.os.Store = store
		assert.Empty(t, tr.overview().Accounts, name)
		assert.Zero(t, tr.holds(tr.os), name)
		assert.Zero(t, tr.pending(), name)
	}
	tr := newTrial(t)
	v := tr.add("Work", "sk-work-0123456789")
	key, err := tr.Keys.Get(t.Context(), v.ID)
	require.NoError(t, err)
	assert.Equal(t, "sk-work-0123456789", key.Reveal())
}

// forgetful is a store that keeps nothing.
type forgetful struct{ keychain.Store }

func (forgetful) Set(context.Context, string, keychain.Secret) error { return nil }

func TestAddRefuses(t *testing.T) {
	tr := newTrial(t)
	tr.add("Work", "sk-work-0123456789")
	_, err := tr.Add(t.Context(), "Again", tr.knows("sk-work-0123456789", `{}`), false)
	require.ErrorIs(t, err, rotation.ErrAlreadyThere)
	assert.Contains(t, err.Error(), "as Work")
	_, err = tr.Add(t.Context(), "Unknown", keychain.NewSecret("sk-unknown-0123456789"), false)
	require.ErrorIs(t, err, ErrUnknownKey)
	require.ErrorIs(t, err, hint.ErrRefused)
	assert.Len(t, tr.overview().Accounts, 1)
	_, err = tr.Add(t.Context(), "Unchecked", keychain.NewSecret("sk-unknown-0123456789"), true)
	require.NoError(t, err)

	name := "Work"
	_, err = tr.FreeLabel(t.Context(), &name)
	require.ErrorIs(t, err, rotation.ErrAlreadyThere)
}

func TestAddWarnsOfASharedLimit(t *testing.T) {
	tr := newTrial(t)
	const one = `{"workspaceID":"wrk_1","userID":"usr_1"}`
	for _, label := range []string{"Work", "Twin"} {
		_, err := tr.Add(t.Context(), label, tr.knows("sk-"+label+"-0123456789", one), false)
		require.NoError(t, err)
	}
	require.Len(t, tr.heard.warnings, 1)
	assert.Contains(t, tr.heard.warnings[0], "as Work: the two share one usage limit")
}

func TestReplacePutsTheOldKeyBack(t *testing.T) {
	tr := newTrial(t)
	v := tr.add("Work", "sk-work-0123456789")
	next := tr.knows("sk-new-0123456789", `{}`)
	tr.os.keeps = func(key keychain.Secret) keychain.Secret {
		if key.Equal(next) {
			return keychain.NewSecret("sk-spoiled")
		}
		return key
	}
	require.Error(t, tr.Replace(t.Context(), v, next, false))
	tr.os.keeps = nil
	key, err := tr.Keys.Get(t.Context(), v.ID)
	require.NoError(t, err)
	assert.Equal(t, "sk-work-0123456789", key.Reveal())
	assert.Equal(t, v.KeyRev, tr.find("Work").KeyRev)

	require.NoError(t, tr.Replace(t.Context(), v, next, false))
	key, err = tr.Keys.Get(t.Context(), v.ID)
	require.NoError(t, err)
	assert.True(t, key.Equal(next))
	assert.Equal(t, v.KeyRev+1, tr.find("Work").KeyRev)
}

func TestRemoveFinishesWhatWasCutShort(t *testing.T) {
	tr := newTrial(t)
	v := tr.add("Work", "sk-work-0123456789")
	tr.os.del = &keychain.Error{Kind: keychain.Refused, Err: errors.New("no")}
	require.Error(t, tr.Remove(v))
	assert.Len(t, tr.overview().Accounts, 1, "its key is there, and so is the account")
	assert.Equal(t, 1, tr.holds(tr.os))

	tr.os.get = &keychain.Error{Kind: keychain.Locked, Err: errors.New("locked")}
	require.ErrorIs(t, tr.Remove(v), keychain.ErrLocked)
	assert.Equal(t, 1, tr.holds(tr.os), "a locked store is asked before anything is written")

	require.NoError(t, tr.os.Store.Delete(t.Context(), v.ID)) // the process was killed right after
	require.NoError(t, tr.Remove(v))
	assert.Empty(t, tr.overview().Accounts)
}
