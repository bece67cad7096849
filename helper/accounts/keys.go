package accounts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/term"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// credentialName is what a systemd unit calls the identity: LoadCredential=ocgo-key:PATH.
const credentialName = "ocgo-key"

// Choice is what a command line and its environment say of the store.
type Choice struct {
	Store    string // its name; empty: as is remembered, else the OS keychain
	Identity string // of the file store; empty: systemd's, else as is remembered
	Silent   bool   // a passphrase is not asked for, even where there is a terminal
	Getenv   func(string) string
}

// Keys is the store that the keys are in at each moment: another process may move them meanwhile.
// What it is, is found out at the first call. It is a keychain.Store, and safe for concurrent use.
type Keys struct {
	Choice

	mu     sync.Mutex
	opened map[string]keychain.Store // an identity is read, and its passphrase asked for, once
}

// Open returns the chosen store. Nothing is asked of it yet.
func Open(c Choice) *Keys { return &Keys{Choice: c, opened: map[string]keychain.Store{}} }

func (k *Keys) dir() (string, error) { return paths.StateDir(k.Getenv, os.UserHomeDir) }

// settings are those that are remembered. Nothing is repaired here: who only looks must change
// nothing.
func (k *Keys) settings() (rotation.Settings, error) {
	dir, err := k.dir()
	if err != nil {
		return rotation.Settings{}, err
	}
	return rotation.PeekSettings(dir)
}

// now opens the store that is chosen at this moment, and the other end of a move of the keys, if
// one is not finished.
func (k *Keys) now() (store, other keychain.Store, err error) {
	s, err := k.settings()
	if err != nil && k.Store == "" {
		return nil, nil, err
	}
	name := k.StoreIn(s)
	if store, err = k.open(name, s); err != nil {
		return nil, nil, err
	}
	if end := s.Move.Other(name); end != "" {
		other, err = k.open(end, s)
	}
	return store, other, err
}

// StoreIn is the name of the store that is chosen, with these settings.
func (c *Choice) StoreIn(s rotation.Settings) string {
	switch {
	case c.Store != "":
		return c.Store
	case s.Store != "":
		return s.Store
	}
	return OSStore
}

// open opens the store called name, once.
func (k *Keys) open(name string, s rotation.Settings) (keychain.Store, error) {
	if err := CheckStore(name); err != nil {
		return nil, hint.On(err, "`ocgo-key config store` shows what is remembered, `ocgo-key config --unset store` forgets it")
	}
	identity := ""
	if name == FileStore {
		identity = k.identity(s)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := name + "\n" + identity
	store, ok := k.opened[key]
	if ok {
		return store, nil
	}
	helper, isHelper := strings.CutPrefix(name, keychain.DockerPrefix)
	switch {
	case isHelper:
		store = keychain.NewDocker(helper)
	case name == FileStore:
		dir, err := k.dir()
		if err != nil {
			return nil, err
		}
		folder := k.Getenv("CREDENTIALS_DIRECTORY")
		config := keychain.FileConfig{Dir: dir, Identity: identity, GroupReadable: folder != "" && filepath.Dir(identity) == filepath.Clean(folder)}
		if !k.Silent {
			config.AskPassphrase = term.ReadPasswordContext
		}
		store = keychain.NewFile(config)
	default:
		store = keychain.NewOS()
	}
	k.opened[key] = store
	return store, nil
}

// identity is where the identity of the file store comes from.
func (c *Choice) identity(s rotation.Settings) string {
	if c.Identity != "" {
		return c.Identity
	}
	if folder := c.Getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		path := filepath.Join(folder, credentialName)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return s.Identity
}

// Name is that of the store chosen at this moment.
func (k *Keys) Name() string {
	store, _, err := k.now()
	if err != nil {
		return OSStore
	}
	return store.Name()
}

// Warm gets the OS keychain ready, unless another store is chosen by the command line. It does not
// wait for what is remembered: by then the key itself can be asked for. With another store
// remembered, a connection is made in vain.
func (k *Keys) Warm() {
	if k.Store != "" && k.Store != OSStore {
		return
	}
	if store, err := k.open(OSStore, rotation.Settings{}); err == nil {
		if w, ok := store.(keychain.Warmer); ok {
			w.Warm()
		}
	}
}

// Unlock has the passphrase of the file store's identity asked for now, for a command that has less
// time later, or something else on the screen. What goes wrong shows when a key is asked for.
func (k *Keys) Unlock(b Budget) {
	if k.Name() == FileStore {
		ctx, cancel := b.Context()
		defer cancel()
		_, _ = k.Get(ctx, NewID())
	}
}

// Get takes no lock: a key that is not where it was a moment ago may have been moved since.
func (k *Keys) Get(ctx context.Context, id string) (keychain.Secret, error) {
	store, _, err := k.now()
	if err != nil {
		return keychain.Secret{}, err
	}
	key, err := store.Get(ctx, id)
	if !errors.Is(err, keychain.ErrNotFound) {
		return key, err
	}
	if again, _, changed := k.now(); changed == nil && again != store {
		return again.Get(ctx, id)
	}
	return key, err
}

// Set stores a key in the store that is chosen; no move of the keys goes on beside it.
func (k *Keys) Set(ctx context.Context, id string, key keychain.Secret) error {
	return k.unmoved(ctx, func() error {
		store, _, err := k.now()
		if err != nil {
			return err
		}
		return store.Set(ctx, id, key)
	})
}

// Delete deletes a key, and what a move that was cut short left of it at its other end.
func (k *Keys) Delete(ctx context.Context, id string) error {
	return k.unmoved(ctx, func() error {
		store, other, err := k.now()
		if err != nil {
			return err
		}
		if other != nil {
			if err := other.Delete(ctx, id); err != nil && !errors.Is(err, keychain.ErrNotFound) {
				return err
			}
		}
		return store.Delete(ctx, id)
	})
}

// Inspect looks at the store, where that can be looked at.
func (k *Keys) Inspect(ctx context.Context) (keychain.Inspection, error) {
	store, _, err := k.now()
	if err != nil {
		return keychain.Inspection{}, err
	}
	if inspector, ok := store.(keychain.Inspector); ok {
		return inspector.Inspect(ctx)
	}
	return keychain.Inspection{}, nil
}
