package importer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/keychain"
)

// A key is removed from its file only after the service has confirmed it and the store has it. So
// the import also checks a key with the service if the store already had the key.
func TestScrubIsLast(t *testing.T) {
	for _, there := range []bool{false, true} {
		d := newDesk(t)
		d.Scrub = true
		if there {
			d.holds("Work", "one")
		}
		path := d.auth("one")
		before := content(t, path)
		d.books.answer = func(keychain.Secret) error {
			assert.Equal(t, before, content(t, path), "the key was removed before the service was asked")
			return nil
		}
		d.books.before = func() { assert.Equal(t, before, content(t, path), "the key was removed before it was stored") }
		r := d.run(Named(t.Context(), path))
		assert.Equal(t, []string{path}, r.Scrubbed)
		assert.Zero(t, r.Failures)
		assert.Equal(t, "check one", d.books.log[0])
		assert.JSONEq(t, "{}", content(t, path))
		assert.Contains(t, d.heard.said, "removed 1 key from "+path)
	}
}

// A key that the service does not confirm stays in its file, even if the store has it.
func TestScrubLeavesUnconfirmed(t *testing.T) {
	for _, answer := range []error{errors.New("no route"), accounts.ErrUnknownKey} {
		d := newDesk(t)
		d.Scrub = true
		d.holds("Work", "one")
		d.books.answer = func(keychain.Secret) error { return answer }
		path := d.auth("one")
		before := content(t, path)
		r := d.run(Named(t.Context(), path))
		assert.Empty(t, r.Scrubbed)
		assert.Equal(t, 1, r.Failures)
		assert.Equal(t, before, content(t, path))
		assert.Contains(t, d.heard.warned, path+" still holds 1 key that the service did not confirm; nothing was removed")

		d.NoVerify = true
		assert.Equal(t, []string{path}, d.run(Named(t.Context(), path)).Scrubbed)
	}
}

// Without --scrub the file stays unchanged, and a warning names the file and the copies of it that
// contain keys.
func TestKeysThatStayAreNamed(t *testing.T) {
	d := newDesk(t)
	path := d.auth("one")
	before := content(t, path)
	for name, text := range map[string]string{"auth.json.bak": before, "auth.json.old": "{}", "notes.txt": before} {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(text), 0o600))
	}
	r := d.run(Named(t.Context(), path))
	assert.Zero(t, r.Failures)
	assert.Equal(t, before, content(t, path))
	assert.Equal(t, []string{path + ".bak looks like a backup, and holds a key in plain text", path + " still holds 1 key in plain text"}, d.heard.warned)

	d.env[opencode.KeyVariable] = keyNamed("two").Reveal()
	d.heard.warned = nil
	d.run(Usual(t.Context(), d.Env, false, d.heard))
	assert.Equal(t, []string{opencode.KeyVariable + " still holds a key, in this environment"}, d.heard.warned)
}

// A file that has changed since it was read is not scrubbed. This is not a failure if the file no
// longer contains the keys.
func TestScrubOfAChangedFile(t *testing.T) {
	for _, test := range []struct {
		now      string
		failures int
	}{{`{"new": 1, "opencode-go": {"type": "api", "key": "` + keyNamed("one").Reveal() + `"}}`, 1}, {"{}", 0}} {
		d := newDesk(t)
		d.Scrub = true
		path := d.auth("one")
		d.books.before = func() { require.NoError(t, os.WriteFile(path, []byte(test.now), 0o600)) }
		r := d.run(Named(t.Context(), path))
		assert.Equal(t, test.failures, r.Failures)
		assert.Empty(t, r.Scrubbed)
		assert.Equal(t, test.now, content(t, path))
		if test.failures > 0 {
			assert.Equal(t, []string{path + " was changed meanwhile; nothing was removed from it"}, d.heard.warned)
		}
	}
}

// If another process has removed a key from the pool meanwhile, the file has the only copy. So the
// key is not removed from the file.
func TestScrubReadsTheStoreAnew(t *testing.T) {
	d := newDesk(t)
	d.Scrub = true
	d.holds("Work", "one")
	d.books.answer = func(keychain.Secret) error {
		delete(d.books.keys, "id-Work")
		return nil
	}
	path := d.auth("one")
	before := content(t, path)
	assert.Empty(t, d.run(Named(t.Context(), path)).Scrubbed)
	assert.Equal(t, before, content(t, path))
}

func TestScrubOfADatabase(t *testing.T) {
	d := newDesk(t)
	d.Scrub = true
	path := newDatabase(t)
	r := d.run(Named(t.Context(), path))
	assert.Equal(t, []string{path}, r.Scrubbed)
	require.Len(t, r.Imported, 1)
	assert.Equal(t, "Mine", r.Imported[0].Label)
	assert.NotContains(t, content(t, path), key)

	r = d.run(Named(t.Context(), path))
	assert.True(t, r.Empty(), "a second import must find nothing")
}
