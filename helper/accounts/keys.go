package accounts

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/term"
	"ocgo-key/internal/trust"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// credentialName is the name of the systemd credential with the identity:
// LoadCredential=ocgo-key:PATH.
const credentialName = "ocgo-key"

// Choice is the user's choice of a key store on the command line and in the environment.
type Choice struct {
	Store    string // the store's name; if empty, the store in the settings, or else the OS keychain
	Identity string // the file store's identity; if empty, the identity of systemd, or else the one in the settings
	Silent   bool   // never ask for a passphrase, not even on a terminal
	Getenv   func(string) string
}

// Keys is a keychain.Store that determines the chosen store at each call, since another process may
// move the keys at any time. It is safe for concurrent use.
type Keys struct {
	Choice

	mu     sync.Mutex
	opened map[string]keychain.Store // each store is opened once, so that the user types a passphrase once
}

// OpenOS opens the OS keychain. Tests replace it if no keychain service is installed.
var OpenOS = keychain.NewOS

// Open returns the chosen store. It does not use the store yet.
func Open(c Choice) *Keys { return &Keys{Choice: c, opened: map[string]keychain.Store{}} }

// dir returns the state folder, or an error if the folder does not belong to the user.
func (k *Keys) dir() (string, error) {
	dir, err := paths.StateDir(k.Getenv, os.UserHomeDir)
	if err == nil {
		err = trust.Folder(dir)
	}
	return dir, err
}

// settings reads the user's settings. It does not repair the state file, since reading must change
// nothing.
func (k *Keys) settings() (rotation.Settings, error) {
	dir, err := k.dir()
	if err != nil {
		return rotation.Settings{}, err
	}
	return rotation.PeekSettings(dir)
}

// now opens the store that is currently chosen. If a move of the keys is incomplete, it also opens
// the other store of the move.
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

// StoreIn returns the name of the chosen store under these settings.
func (c *Choice) StoreIn(s rotation.Settings) string { return cmp.Or(c.Store, s.Store, OSStore) }

// open opens the store called name, once.
func (k *Keys) open(name string, s rotation.Settings) (keychain.Store, error) {
	if err := CheckStore(name); err != nil {
		return nil, hint.On(err, "`ocgo-key config store` shows the setting, `ocgo-key config --unset store` removes it")
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
		store = OpenOS()
	}
	k.opened[key] = store
	return store, nil
}

// identity returns the path of the file store's identity; empty if there is none.
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

// Name returns the name of the store that is currently chosen.
func (k *Keys) Name() string {
	store, _, err := k.now()
	if err != nil {
		return OSStore
	}
	return store.Name()
}

// Warm connects to the OS keychain, unless the command line names another store. If the settings
// name another store, the connection is not used. Reading the settings first would take as long as
// Warm saves.
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

// Unlock asks for the passphrase of the file store's identity, for a command that later has less
// time or uses the terminal itself. Errors are ignored: the first read of a key returns them.
func (k *Keys) Unlock(b Budget) {
	if k.Name() == FileStore {
		ctx, cancel := b.Context()
		defer cancel()
		_, _ = k.Get(ctx, NewID())
	}
}

// Get returns a key. It takes no lock. If a move changes the store during the call, Get reads the
// key from the new store.
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

// Set stores a key in the chosen store. It waits for a running move of the keys.
func (k *Keys) Set(ctx context.Context, id string, key keychain.Secret) error {
	return k.unmoved(ctx, func() error {
		store, _, err := k.now()
		if err == nil {
			err = k.checkDestination(ctx)
		}
		if err != nil {
			return err
		}
		return store.Set(ctx, id, key)
	})
}

// checkDestination is CheckConfirmed for the store that is currently chosen.
func (k *Keys) checkDestination(ctx context.Context) error {
	s, err := k.settings()
	if err != nil {
		return err
	}
	return k.CheckConfirmed(ctx, s, k.StoreIn(s))
}

// Destination returns the name of the currently chosen store for messages, with its identity.
func (k *Keys) Destination() string {
	s, err := k.settings()
	if err != nil {
		return Place(OSStore)
	}
	return k.Described(k.StoreIn(s), s)
}

// Delete deletes a key, and its copy in the other store of an incomplete move.
func (k *Keys) Delete(ctx context.Context, id string) error {
	return k.unmoved(ctx, func() error {
		store, other, err := k.now()
		if err != nil {
			return err
		}
		if other != nil {
			if err := deleteKey(ctx, other, id); err != nil {
				return err
			}
		}
		return store.Delete(ctx, id)
	})
}

// Inspect inspects the chosen store. It returns the zero value if the store cannot be inspected.
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
