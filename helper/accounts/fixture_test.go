package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// errCut is the error of a store that interrupts a command.
var errCut = errors.New("cut short")

// flawed is a store in memory. A test can make its calls fail, or change the key that Get returns.
type flawed struct {
	keychain.Store
	name   string
	before func(op, id string) error             // runs before each call; its error makes the call fail without effect; may be nil
	after  func(op, id string) error             // runs after each call; its error makes the call fail after it took effect; may be nil
	read   func(keychain.Secret) keychain.Secret // changes the key that Get returns; may be nil
	stored []string                              // the ids passed to Set
}

func newFlawed(name string) *flawed { return &flawed{Store: keychain.NewMemory(), name: name} }

func (f *flawed) Name() string { return f.name }

func (f *flawed) step(op, id string, do func() error) error {
	if f.before != nil {
		if err := f.before(op, id); err != nil {
			return err
		}
	}
	err := do()
	if err == nil && f.after != nil {
		err = f.after(op, id)
	}
	return err
}

func (f *flawed) Get(ctx context.Context, id string) (key keychain.Secret, err error) {
	err = f.step("get", id, func() (err error) {
		key, err = f.Store.Get(ctx, id)
		return err
	})
	if err == nil && f.read != nil {
		key = f.read(key)
	}
	return key, err
}

func (f *flawed) Set(ctx context.Context, id string, key keychain.Secret) error {
	f.stored = append(f.stored, id)
	return f.step("set", id, func() error { return f.Store.Set(ctx, id, key) })
}

func (f *flawed) Delete(ctx context.Context, id string) error {
	return f.step("delete", id, func() error { return f.Store.Delete(ctx, id) })
}

// failing returns a hook that fails for one operation.
func failing(op string) func(string, string) error {
	return func(got, _ string) error {
		if got == op {
			return errCut
		}
		return nil
	}
}

// said is a Reporter that keeps its messages.
type said struct{ warnings, lines []string }

func (s *said) Say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}
func (s *said) Detail(string, ...any)  {}
func (s *said) Warn(message, _ string) { s.warnings = append(s.warnings, message) }

// world is a pool with its key stores in memory.
type world struct {
	*Accounts
	t      *testing.T
	stores map[string]*flawed
	said   *said
	env    map[string]string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, said: new(said), env: map[string]string{"OCGO_KEY_STATE_DIR": t.TempDir()}, stores: map[string]*flawed{}}
	for _, name := range []string{OSStore, FileStore, "docker:vault"} {
		w.stores[name] = newFlawed(name)
	}
	w.Accounts = &Accounts{Pool: w.pool(), Keys: w.keys(), Tell: w.said, Budget: ProgramBudget}
	return w
}

// keys returns the stores as if another process had opened them.
func (w *world) keys() *Keys {
	k := Open(Choice{Getenv: func(name string) string { return w.env[name] }})
	for name, store := range w.stores {
		k.opened[name+"\n"] = store
	}
	return k
}

// pool returns the pool as if another process had opened it.
func (w *world) pool() *rotation.Pool {
	return rotation.Open(w.env["OCGO_KEY_STATE_DIR"], func(message string) { w.t.Error(message) })
}

// serve starts a service that knows these accounts.
func (w *world) serve(accounts ...fakeservice.Account) {
	service, err := fakeservice.Start(fakeservice.Options{Accounts: accounts})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, service.Close()) })
	w.serviceAt(service.BaseURL())
}

// serviceAt makes this address the service.
func (w *world) serviceAt(address string) {
	var err error
	w.Service, err = url.Parse(address)
	require.NoError(w.t, err)
}

// add adds an account with the key keyOf(label).
func (w *world) add(label string) rotation.View {
	_, err := w.Add(w.t.Context(), label, keyOf(label), true)
	require.NoError(w.t, err)
	return w.find(label)
}

func keyOf(label string) keychain.Secret { return keychain.NewSecret("key-of-" + label) }

func (w *world) overview() rotation.Overview {
	o, err := w.Pool.Overview(w.t.Context())
	require.NoError(w.t, err)
	return o
}

func (w *world) find(label string) rotation.View {
	v, err := w.overview().Find(label)
	require.NoError(w.t, err)
	return v
}

// labels returns the labels of the accounts in the pool.
func (w *world) labels() []string {
	labels := []string{}
	for _, v := range w.overview().Accounts {
		labels = append(labels, v.Label)
	}
	return labels
}

// unlisted returns the ids on the pool's pending list that belong to no account.
func (w *world) unlisted() (ids []string) {
	all, _, err := w.Pool.KeyOwners(w.t.Context())
	require.NoError(w.t, err)
	for _, owner := range all {
		if !owner.Account {
			ids = append(ids, owner.ID)
		}
	}
	return ids
}

// keyIn returns the key for id in the store called name; empty if there is none.
func (w *world) keyIn(name, id string) string {
	key, err := w.stores[name].Store.Get(context.Background(), id)
	if errors.Is(err, keychain.ErrNotFound) {
		return ""
	}
	require.NoError(w.t, err)
	return key.Reveal()
}
