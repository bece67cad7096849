package importer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// keyNamed returns a test key that contains this name. It is long enough for a list of keys.
func keyNamed(name string) keychain.Secret {
	return keychain.NewSecret("sk-" + name + strings.Repeat("0", 20))
}

// books implements Accounts in memory, with a log of the calls.
type books struct {
	pool   *rotation.Pool
	keys   map[string]keychain.Secret // by account id
	answer func(keychain.Secret) error
	before func() // called before keys are compared; may be nil
	taken  int    // the number of labels that another process takes first
	log    []string
}

func (b *books) note(format string, args ...any) { b.log = append(b.log, fmt.Sprintf(format, args...)) }

func (b *books) Held(o rotation.Overview) (accounts.HeldKeys, error) {
	var held accounts.HeldKeys
	for _, v := range o.Accounts {
		if key, ok := b.keys[v.ID]; ok {
			held = append(held, accounts.HeldKey{View: v, Key: key})
		}
	}
	return held, nil
}

func (b *books) Check(_ context.Context, key keychain.Secret) (rotation.Usage, error) {
	b.note("check %s", nameOf(key))
	if b.answer == nil {
		return rotation.Usage{}, nil
	}
	return rotation.Usage{}, b.answer(key)
}

func (b *books) Alone(do func() error) error {
	if b.before != nil {
		b.before()
	}
	return do()
}

func (b *books) Enlist(n rotation.NewAccount, key keychain.Secret, _ rotation.Usage) error {
	if b.taken > 0 {
		b.taken--
		return rotation.ErrAlreadyThere
	}
	b.note("enlist %s as %s", nameOf(key), n.Label)
	b.keys[n.ID] = key
	return b.pool.Add(context.Background(), n)
}

func (b *books) WarnSharedUsage(rotation.Overview, string, rotation.Usage) {}

func nameOf(key keychain.Secret) string {
	return strings.TrimRight(strings.TrimPrefix(key.Reveal(), "sk-"), "0")
}

// heard records the messages for the user.
type heard struct{ said, warned []string }

func (h *heard) Say(format string, args ...any) {
	h.said = append(h.said, fmt.Sprintf(format, args...))
}
func (h *heard) Detail(string, ...any)  {}
func (h *heard) Warn(message, _ string) { h.warned = append(h.warned, message) }

// desk has an Import and everything that a test needs to prepare and run it.
type desk struct {
	Import
	t     *testing.T
	books *books
	heard *heard
	env   map[string]string
	home  string
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, books: &books{pool: rotation.InMemory(), keys: map[string]keychain.Secret{}}, heard: new(heard),
		env: map[string]string{}, home: t.TempDir()}
	d.Import = Import{Accounts: d.books, Pool: d.books.pool, Reporter: d.heard,
		Env: Env{Getenv: func(name string) string { return d.env[name] }, Home: func() (string, error) { return d.home, nil }}}
	return d
}

// holds adds an account that has the key with this name.
func (d *desk) holds(label, name string) {
	require.NoError(d.t, d.books.pool.Add(d.t.Context(), rotation.NewAccount{ID: "id-" + label, Label: label}))
	d.books.keys["id-"+label] = keyNamed(name)
}

func (d *desk) run(s *Sources, err error) Report {
	d.t.Helper()
	require.NoError(d.t, err)
	r, err := d.Run(d.t.Context(), s)
	require.NoError(d.t, err)
	return r
}

// list imports a list of keys.
func (d *desk) list(lines ...string) Report {
	d.t.Helper()
	return d.run(Stdin(strings.NewReader(strings.Join(lines, "\n"))))
}

// auth writes a file in OpenCode's format, with a login that has the key with this name.
func (d *desk) auth(name string) string {
	path := filepath.Join(d.t.TempDir(), opencode.AuthFile)
	text := fmt.Sprintf("{\"opencode-go\": {\"type\": \"api\", \"key\": %q}}\n", keyNamed(name).Reveal())
	require.NoError(d.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (d *desk) labels() []string {
	o, err := d.books.pool.Overview(d.t.Context())
	require.NoError(d.t, err)
	labels := []string{}
	for _, v := range o.Accounts {
		labels = append(labels, v.Label)
	}
	return labels
}

// content returns the content of the file.
func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestTake(t *testing.T) {
	d := newDesk(t)
	r := d.list("Work "+keyNamed("one").Reveal(), keyNamed("two").Reveal())
	assert.Equal(t, []string{"check one", "enlist one as Work", "check two", "enlist two as Account 2"}, d.books.log)
	assert.Equal(t, []string{"imported Work from stdin", "imported Account 2 from stdin"}, d.heard.said)
	require.Len(t, r.Imported, 2)
	assert.Equal(t, "one", nameOf(d.books.keys[r.Imported[0].ID]))
	assert.Equal(t, Imported{"Account 2", r.Imported[1].ID, "stdin"}, r.Imported[1])
	assert.Zero(t, r.Failures)
	assert.False(t, r.Empty())
}

// If an account already has a key, the import reports the key, and does not check or store it. The
// same is true for the second copy of a key in a source.
func TestTakeKnownKey(t *testing.T) {
	d := newDesk(t)
	d.holds("Work", "one")
	r := d.list(keyNamed("one").Reveal(), keyNamed("two").Reveal(), keyNamed("two").Reveal())
	assert.Equal(t, []string{"check two", "enlist two as Account 2"}, d.books.log)
	assert.Equal(t, []Skipped{{"Work", "already there, as Work", "stdin"}, {"Account 2", "already there, as Account 2", "stdin"}}, r.Skipped)
	assert.Zero(t, r.Failures)
	assert.Empty(t, d.heard.warned)
}

// The token of a gateway is never imported as a key.
func TestTakeSkipsStandIn(t *testing.T) {
	d := newDesk(t)
	path := d.auth("one")
	require.NoError(t, os.WriteFile(path, []byte(`{"opencode-go": {"type": "api", "key": "ocgo-`+strings.Repeat("0", 64)+`"}}`), 0o600))
	r := d.run(Named(t.Context(), path))
	assert.Empty(t, d.books.log)
	assert.Equal(t, []Skipped{{"opencode-go", "it is a gateway's token and not a key", path}}, r.Skipped)
	assert.Zero(t, r.Failures)
	assert.False(t, r.Empty())

	d.env[opencode.KeyVariable] = "ocgo-" + strings.Repeat("0", 64)
	s, err := Usual(t.Context(), d.Env, false, d.heard)
	require.NoError(t, err)
	assert.True(t, s.Empty())
}

// A key is imported unless the service clearly refuses it.
func TestTakeChecks(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		comes  bool
		warned string
	}{
		"known":           {nil, true, ""},
		"unknown":         {accounts.ErrUnknownKey, false, "stdin: line 1 was not imported: the service does not know this key (401)"},
		"no subscription": {accounts.ErrNoSubscription, true, "stdin: line 1: the service says that this key has no Go subscription (403)"},
		"no answer":       {errors.New("no route"), true, "stdin: line 1: the key could not be checked: no route"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.books.answer = func(keychain.Secret) error { return test.answer }
			r := d.list(keyNamed("one").Reveal())
			assert.Equal(t, test.comes, len(r.Imported) == 1)
			assert.Equal(t, test.comes, r.Failures == 0)
			if test.warned != "" {
				assert.Equal(t, []string{test.warned}, d.heard.warned)
			}
		})
	}
	d := newDesk(t)
	d.NoVerify = true
	assert.Len(t, d.list(keyNamed("one").Reveal()).Imported, 1)
	assert.Equal(t, []string{"enlist one as Account 1"}, d.books.log)
}

// If a label is invalid or another account has it, the import chooses a similar label.
func TestTakeFitsLabels(t *testing.T) {
	d := newDesk(t)
	d.holds("Work", "zero")
	r := d.list("work "+keyNamed("one").Reveal(), "7 "+keyNamed("two").Reveal(), strings.Repeat("word ", 10)+keyNamed("three").Reveal())
	assert.Equal(t, []string{"Work", "work 2", "Account 3", strings.TrimSpace(strings.Repeat("word ", 8))}, d.labels())
	assert.Zero(t, r.Failures)
}

// Another process may take the label or add the key after the import has read the pool.
func TestTakeBesideAnotherProcess(t *testing.T) {
	d := newDesk(t)
	d.books.taken = 2
	assert.Len(t, d.list("Work "+keyNamed("one").Reveal()).Imported, 1)

	d = newDesk(t)
	d.books.before = func() { d.holds("Theirs", "one") }
	r := d.list("Work " + keyNamed("one").Reveal())
	assert.Equal(t, []Skipped{{"Theirs", "already there, as Theirs", "stdin"}}, r.Skipped)
	assert.Equal(t, []string{"Theirs"}, d.labels())

	d = newDesk(t)
	d.books.taken = maxCollisions
	s, err := Stdin(strings.NewReader(keyNamed("one").Reveal()))
	require.NoError(t, err)
	_, err = d.Run(t.Context(), s)
	require.EqualError(t, err, "other processes keep taking the labels")
}

// The rotation continues where the rotation of the source stopped. If that account was not
// imported, it continues after the account before it.
func TestContinueFrom(t *testing.T) {
	d := newDesk(t)
	path := filepath.Join(t.TempDir(), "opencode-go-accounts.json")
	var elements []string
	for _, name := range []string{"one", "two", "three"} {
		elements = append(elements, fmt.Sprintf(`{"apiKey": %q, "label": %q}`, keyNamed(name).Reveal(), name))
	}
	require.NoError(t, os.WriteFile(path, []byte(`{"accounts": [`+strings.Join(elements, ",")+`], "rotationIndex": 1}`), 0o600))
	d.books.answer = func(key keychain.Secret) error {
		if nameOf(key) == "two" {
			return accounts.ErrUnknownKey
		}
		return nil
	}
	r := d.run(Named(t.Context(), path))
	assert.Equal(t, 1, r.Failures)
	o, err := d.books.pool.Overview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "three", o.Next)
}
