package keychain_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// newIdentity creates an identity as age-keygen does, and returns its path.
func newIdentity(t *testing.T) string {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "identity.txt")
	text := "# public key: " + identity.Recipient().String() + "\n" + identity.String() + "\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func inFolder(dir, identity string) keychain.Store {
	return keychain.NewFile(keychain.FileConfig{Dir: dir, Identity: identity})
}

func set(t *testing.T, s keychain.Store, id, key string) {
	t.Helper()
	require.NoError(t, s.Set(t.Context(), id, keychain.NewSecret(key)))
}

func holds(t *testing.T, s keychain.Store, id, key string) {
	t.Helper()
	got, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, key, got.Reveal())
}

// refuses checks that each call of the store fails with this kind. It returns the error of Get.
func refuses(t *testing.T, s keychain.Store, kind keychain.Kind) *keychain.Error {
	t.Helper()
	_, err := s.Get(t.Context(), "id")
	e := asError(t, err)
	for _, err := range []error{err, s.Set(t.Context(), "id", keychain.NewSecret(marker)), s.Delete(t.Context(), "id")} {
		e := asError(t, err)
		assert.Equal(t, kind, e.Kind, "%v", err)
		assert.NotEmpty(t, e.Hint, "%v", err)
		assert.Equal(t, "file", e.Store)
		noMarker(t, "error", err.Error()+e.Hint)
		assert.NotContains(t, err.Error(), "AGE-SECRET-KEY")
	}
	return e
}

func TestFileConforms(t *testing.T) {
	dir, identity := filepath.Join(t.TempDir(), "not", "there", "yet"), newIdentity(t)
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return inFolder(dir, identity) })
	t.Run("one store", func(t *testing.T) {
		s := inFolder(dir, identity)
		keychaintest.Conformance(t, func(*testing.T) keychain.Store { return s })
	})
}

// The store creates two files, accessible only to their owner, and writes no key in plain text.
func TestFileOnTheDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := inFolder(dir, newIdentity(t))
	_, err := s.Get(t.Context(), "id")
	require.ErrorIs(t, err, keychain.ErrNotFound)
	assert.NoDirExists(t, dir, "reading creates no folder")
	set(t, s, "id", marker)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".keys.age.123.tmp"), []byte("x"), 0o600), "the temporary file of a killed writer")
	set(t, s, "the-second-id", marker)

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		noMarker(t, e.Name(), string(text))
		assert.NotContains(t, string(text), "the-second-id", "the ids are encrypted too")
		info, err := e.Info()
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
		}
	}
	assert.Equal(t, []string{"keys.age", "keys.lock"}, names)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

func TestFileStaysALink(t *testing.T) {
	dir, elsewhere, identity := t.TempDir(), t.TempDir(), newIdentity(t)
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "synced.age"), filepath.Join(dir, "keys.age")))
	e := refuses(t, inFolder(dir, identity), keychain.Refused)
	assert.Contains(t, e.Error(), "a link to a file that does not exist")

	set(t, inFolder(elsewhere, identity), "id", "value")
	require.NoError(t, os.Rename(filepath.Join(elsewhere, "keys.age"), filepath.Join(elsewhere, "synced.age")))
	s := inFolder(dir, identity)
	holds(t, s, "id", "value")
	set(t, s, "id", "other")
	holds(t, s, "id", "other")
	info, err := os.Lstat(filepath.Join(dir, "keys.age"))
	require.NoError(t, err)
	assert.Equal(t, os.ModeSymlink, info.Mode().Type())
}

// Each failure has its own kind and message. The store then writes nothing and uses no other store.
func TestFileTroubles(t *testing.T) {
	good := newIdentity(t)
	identityText, err := os.ReadFile(good)
	require.NoError(t, err)
	other := newIdentity(t)
	write := func(t *testing.T, text string, perm os.FileMode) string {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(text), perm))
		require.NoError(t, os.Chmod(path, perm))
		return path
	}
	type given struct{ dir, identity string }
	for _, test := range []struct {
		name string
		kind keychain.Kind
		says string
		in   func(t *testing.T, g *given)
		unix bool
	}{
		{"no identity", keychain.Locked, "no age identity is given", func(t *testing.T, g *given) { g.identity = "" }, false},
		{"identity missing", keychain.Locked, "does not exist", func(t *testing.T, g *given) { g.identity = filepath.Join(g.dir, "none") }, false},
		{"another identity", keychain.Locked, "encrypted for another identity", func(t *testing.T, g *given) { g.identity = other }, false},
		{"no identity in the file", keychain.Refused, "not an age identity", func(t *testing.T, g *given) { g.identity = write(t, marker+"\n", 0o600) }, false},
		{"empty identity", keychain.Refused, "not an age identity", func(t *testing.T, g *given) { g.identity = write(t, "", 0o600) }, false},
		{"identity is a folder", keychain.Refused, "not a regular file", func(t *testing.T, g *given) { g.identity = t.TempDir() }, false},
		{"identity open to the group", keychain.Refused, "open to other users (its permissions are 0640)", func(t *testing.T, g *given) { g.identity = write(t, string(identityText), 0o640) }, true},
		{"identity open to the world", keychain.Refused, "0604", func(t *testing.T, g *given) { g.identity = write(t, string(identityText), 0o604) }, true},
		{"keys open to the group", keychain.Refused, "the file of keys", func(t *testing.T, g *given) { require.NoError(t, os.Chmod(filepath.Join(g.dir, "keys.age"), 0o640)) }, true},
		{"keys writable by the world", keychain.Refused, "0602", func(t *testing.T, g *given) { require.NoError(t, os.Chmod(filepath.Join(g.dir, "keys.age"), 0o602)) }, true},
		{"keys damaged", keychain.Failed, "can't be decrypted", func(t *testing.T, g *given) {
			path := filepath.Join(g.dir, "keys.age")
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, text[:len(text)-1], 0o600))
		}, false},
		{"keys not an age file", keychain.Failed, "can't be decrypted", func(t *testing.T, g *given) {
			require.NoError(t, os.WriteFile(filepath.Join(g.dir, "keys.age"), []byte(`{"version":1,"keys":{"id":"`+marker+`"}}`), 0o600))
		}, false},
		{"keys of another program", keychain.Failed, "does not contain what ocgo-key writes", func(t *testing.T, g *given) { encrypted(t, g.dir, good, marker) }, false},
		{"keys of a newer version", keychain.Failed, "newer version", func(t *testing.T, g *given) { encrypted(t, g.dir, good, `{"version":2,"keys":["`+marker+`"]}`) }, false},
		{"a descriptor that is not open", keychain.Locked, "not open", func(t *testing.T, g *given) { g.identity = "fd:57" }, true},
		{"no descriptor", keychain.Locked, "not the number of a descriptor", func(t *testing.T, g *given) { g.identity = "fd:x" }, true},
		{"stdout", keychain.Locked, "not the number of a descriptor", func(t *testing.T, g *given) { g.identity = "/dev/fd/1" }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.unix && runtime.GOOS == "windows" {
				return // Windows has no such permissions, and passes no descriptors
			}
			g := &given{t.TempDir(), good}
			set(t, inFolder(g.dir, good), "id", "value")
			test.in(t, g)
			before, err := os.ReadFile(filepath.Join(g.dir, "keys.age"))
			require.NoError(t, err)
			e := refuses(t, inFolder(g.dir, g.identity), test.kind)
			assert.Contains(t, e.Error(), test.says)
			after, err := os.ReadFile(filepath.Join(g.dir, "keys.age"))
			require.NoError(t, err)
			assert.Equal(t, before, after)
		})
	}
}

// encrypted writes the text to an age file in dir.
func encrypted(t *testing.T, dir, identity, text string) {
	t.Helper()
	file, err := os.Open(identity)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	identities, err := age.ParseIdentities(file)
	require.NoError(t, err)
	out, err := os.OpenFile(filepath.Join(dir, "keys.age"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	w, err := age.Encrypt(out, identities[0].(*age.X25519Identity).Recipient())
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, errors.Join(err, w.Close(), out.Close()))
}

// If a service has its own user, its systemd credential has an access control list. In the file
// mode, this list looks like read permission for the group.
func TestFileIdentityThatIsShared(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // Windows has no systemd
	}
	identity := newIdentity(t)
	s := keychain.NewFile(keychain.FileConfig{Dir: t.TempDir(), Identity: identity, GroupReadable: true})
	require.NoError(t, os.Chmod(identity, 0o440))
	set(t, s, "id", "value")
	holds(t, s, "id", "value")
	require.NoError(t, os.Chmod(identity, 0o444))
	s = keychain.NewFile(keychain.FileConfig{Dir: t.TempDir(), Identity: identity, GroupReadable: true})
	assert.Contains(t, refuses(t, s, keychain.Refused).Error(), "0444")
}

// An identity file may hold several identities; each of them opens the key file.
func TestFileWithTwoIdentities(t *testing.T) {
	dir, one, two := t.TempDir(), newIdentity(t), newIdentity(t)
	both := filepath.Join(t.TempDir(), "both.txt")
	var text []byte
	for _, path := range []string{one, two} {
		part, err := os.ReadFile(path)
		require.NoError(t, err)
		text = append(text, part...)
	}
	require.NoError(t, os.WriteFile(both, text, 0o600))
	set(t, inFolder(dir, both), "id", "value")
	holds(t, inFolder(dir, one), "id", "value")
	holds(t, inFolder(dir, two), "id", "value")

	// A post-quantum identity works too, but age cannot encrypt to both kinds at once.
	quantum, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	alone := filepath.Join(t.TempDir(), "pq.txt")
	require.NoError(t, os.WriteFile(alone, []byte(quantum.String()+"\n"), 0o600))
	set(t, inFolder(t.TempDir(), alone), "id", "value")
	require.NoError(t, os.WriteFile(both, append(text, quantum.String()...), 0o600))
	err = inFolder(t.TempDir(), both).Set(t.Context(), "id", keychain.NewSecret(marker))
	require.ErrorIs(t, err, keychain.ErrRefused)
}

// A writer waits for another writer until its context ends. A reader does not wait.
func TestFileLockHeld(t *testing.T) {
	dir := t.TempDir()
	s := inFolder(dir, newIdentity(t))
	set(t, s, "id", "value")
	lock := flock.New(filepath.Join(dir, "keys.lock"))
	require.NoError(t, lock.Lock())
	ctx, cancel := context.WithTimeout(t.Context(), shortly)
	defer cancel()
	err := s.Set(ctx, "id", keychain.NewSecret("other"))
	require.ErrorIs(t, err, keychain.ErrTimeout)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotEmpty(t, asError(t, err).Hint)
	holds(t, s, "id", "value")
	require.NoError(t, lock.Unlock())
	set(t, s, "id", "other")
}

func TestFileInspect(t *testing.T) {
	s := inFolder(t.TempDir(), newIdentity(t))
	inspect := func() keychain.Inspection {
		seen, err := s.(keychain.Inspector).Inspect(t.Context())
		require.NoError(t, err)
		return seen
	}
	assert.Equal(t, keychain.Inspection{Complete: true}, inspect())
	set(t, s, "b", "value")
	set(t, s, "a", "value")
	assert.Equal(t, keychain.Inspection{Complete: true, IDs: []string{"a", "b"}}, inspect())
	_, err := inFolder(t.TempDir(), "").(keychain.Inspector).Inspect(t.Context())
	require.ErrorIs(t, err, keychain.ErrLocked)
	assert.NotEmpty(t, asError(t, err).Fix)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, err = s.(keychain.Inspector).Inspect(ctx)
	require.ErrorIs(t, err, keychain.ErrTimeout)
}

// wrapped encrypts an identity with a passphrase and a low work factor.
func wrapped(t *testing.T, identity, passphrase string) string {
	t.Helper()
	text, err := os.ReadFile(identity)
	require.NoError(t, err)
	recipient, err := age.NewScryptRecipient(passphrase)
	require.NoError(t, err)
	recipient.SetWorkFactor(10)
	out := new(strings.Builder)
	w, err := age.Encrypt(out, recipient)
	require.NoError(t, err)
	_, err = w.Write(text)
	require.NoError(t, errors.Join(err, w.Close()))
	path := filepath.Join(t.TempDir(), "wrapped.age")
	require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o600))
	return path
}

func TestFilePassphrase(t *testing.T) {
	const passphrase = "correct horse battery staple"
	plain, dir := newIdentity(t), t.TempDir()
	identity := wrapped(t, plain, passphrase)
	asked := 0
	asking := func(answer func(context.Context) ([]byte, error)) keychain.Store {
		asked = 0
		return keychain.NewFile(keychain.FileConfig{Dir: dir, Identity: identity, AskPassphrase: func(ctx context.Context, prompt string) ([]byte, error) {
			asked++
			assert.Contains(t, prompt, identity)
			return answer(ctx)
		}})
	}
	s := asking(func(context.Context) ([]byte, error) { return []byte(passphrase), nil })
	assert.Zero(t, asked, "NewFile must not ask for the passphrase")
	set(t, s, "id", "value")
	holds(t, s, "id", "value")
	set(t, s, "the-second-id", "value")
	assert.Equal(t, 1, asked, "once")
	holds(t, inFolder(dir, plain), "id", "value")

	// Without a passphrase, and after a wrong one, the store is locked and does not ask again.
	e := refuses(t, inFolder(dir, identity), keychain.Locked)
	assert.Contains(t, e.Error(), "does not ask for")
	assert.Contains(t, e.Hint, "ocgo-key run")
	_, err := inFolder(dir, identity).(keychain.Inspector).Inspect(t.Context())
	require.ErrorIs(t, err, keychain.ErrLocked)
	for says, answer := range map[string]func(context.Context) ([]byte, error){
		"the passphrase does not decrypt the identity":                              func(context.Context) ([]byte, error) { return []byte("wrong"), nil },
		"the identity has a passphrase, and none was given":                         func(context.Context) ([]byte, error) { return nil, nil },
		"the identity has a passphrase, and none was given: no terminal to ask on ": func(context.Context) ([]byte, error) { return nil, errors.New("no terminal to ask on ") },
	} {
		s := asking(answer)
		assert.Contains(t, refuses(t, s, keychain.Locked).Error(), strings.TrimSpace(says))
		assert.Equal(t, 1, asked)
		_, err := s.(keychain.Inspector).Inspect(t.Context())
		require.ErrorIs(t, err, keychain.ErrLocked)
		assert.Equal(t, 1, asked)
	}

	// If nobody answers, the call and the prompt end with the context.
	s = asking(func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
	ctx, cancel := context.WithTimeout(t.Context(), shortly)
	defer cancel()
	_, err = s.Get(ctx, "id")
	require.ErrorIs(t, err, keychain.ErrTimeout)

	// A damaged identity with a passphrase is an error.
	text, err := os.ReadFile(identity)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(identity, text[:len(text)-3], 0o600))
	s = asking(func(context.Context) ([]byte, error) { return []byte(passphrase), nil })
	assert.Contains(t, refuses(t, s, keychain.Failed).Error(), "damaged")
}
