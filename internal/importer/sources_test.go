package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
)

// If one of the usual files cannot be read, there is a warning, and the others are still read. A
// file with two names is one source.
func TestUsual(t *testing.T) {
	d := newDesk(t)
	d.env["XDG_DATA_HOME"] = filepath.Join(d.home, "data")
	folder := filepath.Join(d.home, "data", "opencode")
	config := filepath.Join(d.home, ".config", "opencode")
	for _, dir := range []string{folder, config} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
	}
	list := filepath.Join(config, "opencode-go-accounts.json")
	require.NoError(t, os.WriteFile(list, []byte(`{"accounts": [{"apiKey": "`+keyNamed("one").Reveal()+`"}]}`), 0o600))
	require.NoError(t, os.Link(list, filepath.Join(folder, filepath.Base(list))))
	require.NoError(t, os.WriteFile(filepath.Join(folder, opencode.AuthFile), []byte("{"), 0o600))
	d.env[opencode.KeyVariable] = keyNamed("two").Reveal()

	s, err := Usual(t.Context(), d.Env, false, d.heard)
	require.NoError(t, err)
	assert.Equal(t, 1, s.Failures)
	assert.Equal(t, []string{filepath.Join(folder, opencode.AuthFile) + ": no logins can be read: the content is not JSON"}, d.heard.warned)
	assert.Len(t, s.Files(), 1)
	assert.Len(t, s.found, 2)
	assert.Contains(t, s.Looked, list)
	assert.Equal(t, opencode.KeyVariable, s.Looked[len(s.Looked)-1])

	r := d.run(s, nil)
	assert.Len(t, r.Imported, 2)
	assert.Equal(t, 1, r.Failures, "the place that could not be read")
}

func TestNamed(t *testing.T) {
	d := newDesk(t)
	path := filepath.Join(d.home, "keys")
	_, err := Named(t.Context(), path)
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.WriteFile(path, []byte("Work "+keyNamed("one").Reveal()+"\nno key in here\n"), 0o600))
	_, err = Named(t.Context(), path)
	require.ErrorIs(t, err, opencode.ErrList)
	require.ErrorIs(t, err, hint.ErrInput)
	assert.NotContains(t, err.Error(), keyNamed("one").Reveal())

	require.NoError(t, os.WriteFile(path, []byte("# none yet\n"), 0o600))
	s, err := Named(t.Context(), path)
	require.NoError(t, err)
	assert.True(t, s.Empty())
	assert.Equal(t, []string{path}, s.Looked)

	s, err = Stdin(strings.NewReader(keyNamed("one").Reveal()))
	require.NoError(t, err)
	assert.False(t, s.Empty())
	assert.Empty(t, s.Files(), "stdin is not a file")
}
