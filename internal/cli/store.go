package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"ocgo-key/internal/completion"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// The names of the stores that are no docker credential helper.
const (
	osStore   = "os"
	fileStore = "file"
)

// storeNames is for people.
const storeNames = "os (the OS keychain), file (one file that age encrypts) or docker:NAME (a docker credential helper)"

// checkStore refuses what is not the name of a store.
func checkStore(name string) error {
	if helper, ok := strings.CutPrefix(name, keychain.DockerPrefix); ok {
		return keychain.CheckDockerName(helper)
	}
	if name != osStore && name != fileStore {
		return fmt.Errorf("there is no store %q; there are: %s", name, storeNames)
	}
	return nil
}

// credentialName is what a systemd unit calls the identity: LoadCredential=ocgo-key:PATH.
const credentialName = "ocgo-key"

// keys is the store that the keys are in: that of --store, else the one remembered, else the OS keychain. What it is
// is found out at the first call.
func (a *app) keys() keychain.Store {
	a.opening.Do(func() { a.chosen = &chosenStore{app: a, opened: map[string]keychain.Store{}} })
	return a.chosen
}

// chosenStore is the store that the user chose, at each moment: another process may move the keys meanwhile.
type chosenStore struct {
	app *app

	mu     sync.Mutex
	opened map[string]keychain.Store // an identity is read, and its passphrase asked for, once
}

// settings are what is remembered. Nothing is mended here: what only looks must change nothing.
func (c *chosenStore) settings() (state.Settings, error) {
	dir, err := paths.StateDir(c.app.getenv, os.UserHomeDir)
	if err != nil {
		return state.Settings{}, err
	}
	s, err := state.OpenFile(dir, time.Now, func(string) {}).Peek()
	if s == nil && !errors.Is(err, state.ErrUnreadable) {
		return state.Settings{}, err
	}
	if s == nil { // the pool says so, and begins anew
		return state.Settings{}, nil
	}
	return s.Settings, nil
}

// now opens the store that is chosen at this moment, and the other end of a move of the keys, if one is not finished.
func (c *chosenStore) now() (store, other keychain.Store, err error) {
	s, err := c.settings()
	if err != nil && c.app.Store == "" {
		return nil, nil, err
	}
	name := storeOf(c.app, s)
	if store, err = c.open(name, s); err != nil {
		return nil, nil, err
	}
	if end := s.Move.Other(name); end != "" {
		other, err = c.open(end, s)
	}
	return store, other, err
}

// storeOf is the name of the store that is chosen.
func storeOf(a *app, s state.Settings) string {
	switch {
	case a.Store != "":
		return a.Store
	case s.Store != "":
		return s.Store
	}
	return osStore
}

// open opens the store called name, once.
func (c *chosenStore) open(name string, s state.Settings) (keychain.Store, error) {
	if err := checkStore(name); err != nil {
		return nil, hint.On(err, "`ocgo-key config store` shows what is remembered, `ocgo-key config --unset store` forgets it")
	}
	identity := ""
	if name == fileStore {
		identity = c.app.identity(s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := name + "\n" + identity
	store, ok := c.opened[key]
	if ok {
		return store, nil
	}
	helper, isHelper := strings.CutPrefix(name, keychain.DockerPrefix)
	switch {
	case isHelper:
		store = keychain.NewDocker(helper)
	case name == fileStore:
		dir, err := paths.StateDir(c.app.getenv, os.UserHomeDir)
		if err != nil {
			return nil, err
		}
		folder := c.app.getenv("CREDENTIALS_DIRECTORY")
		config := keychain.FileConfig{Dir: dir, Identity: identity, Shared: folder != "" && filepath.Dir(identity) == filepath.Clean(folder)}
		if !c.app.asksNobody {
			config.Ask = term.ReadPasswordContext
		}
		store = keychain.NewFile(config)
	default:
		store = keychain.NewOS()
	}
	c.opened[key] = store
	return store, nil
}

// identity is where the identity of the file store comes from: --identity, else systemd, else as remembered.
func (a *app) identity(s state.Settings) string {
	if a.Identity != "" {
		return a.Identity
	}
	if folder := a.getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		path := filepath.Join(folder, credentialName)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return s.Identity
}

// Name is that of the store chosen at this moment.
func (c *chosenStore) Name() string {
	store, _, err := c.now()
	if err != nil {
		return osStore
	}
	return store.Name()
}

// Warm gets the OS keychain ready, unless --store says that it is another. It does not wait for what is remembered:
// by then the key itself can be asked for. With another store remembered, a connection is made in vain.
func (c *chosenStore) Warm() {
	if c.app.Store != "" && c.app.Store != osStore {
		return
	}
	if store, err := c.open(osStore, state.Settings{}); err == nil {
		if w, ok := store.(keychain.Warmer); ok {
			w.Warm()
		}
	}
}

// Get asks no lock for leave: a key that is not where it was a moment ago may have been moved since.
func (c *chosenStore) Get(ctx context.Context, id string) (keychain.Secret, error) {
	store, _, err := c.now()
	if err != nil {
		return keychain.Secret{}, err
	}
	key, err := store.Get(ctx, id)
	if !errors.Is(err, keychain.ErrNotFound) {
		return key, err
	}
	if again, _, changed := c.now(); changed == nil && again != store {
		return again.Get(ctx, id)
	}
	return key, err
}

// Set stores a key in the store that is chosen; no move of the keys goes on beside it.
func (c *chosenStore) Set(ctx context.Context, id string, key keychain.Secret) error {
	return c.unmoved(ctx, func() error {
		store, _, err := c.now()
		if err != nil {
			return err
		}
		return store.Set(ctx, id, key)
	})
}

// Delete deletes a key, and what a move that was cut short left of it at its other end.
func (c *chosenStore) Delete(ctx context.Context, id string) error {
	return c.unmoved(ctx, func() error {
		store, other, err := c.now()
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
func (c *chosenStore) Inspect(ctx context.Context) (keychain.Inspection, error) {
	store, _, err := c.now()
	if err != nil {
		return keychain.Inspection{}, err
	}
	if inspector, ok := store.(keychain.Inspector); ok {
		return inspector.Inspect(ctx)
	}
	return keychain.Inspection{}, nil
}

// The lock of moves: whoever stores or deletes a key shares it, a move has it alone.
const moveLockName = "move.lock"

// lockPoll is how often a lock that others hold is tried.
const lockPoll = 20 * time.Millisecond

func (c *chosenStore) unmoved(ctx context.Context, do func() error) error {
	lock, err := c.app.moveLock()
	if err != nil {
		return err
	}
	if _, err := lock.TryRLockContext(ctx, lockPoll); err != nil {
		return lockError(ctx, err)
	}
	defer func() { _ = lock.Close() }()
	return do()
}

// The lock of keys that come in: each is compared with those that are there, so it is one at a time.
const (
	addLockName    = "add.lock"
	addLockTimeout = time.Minute // there may be a person at a question of the keychain
)

// alone runs do, which compares a key with the others and brings it in, while no other process does.
func (a *app) alone(do func() error) error {
	lock, err := a.lockNamed(addLockName)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), addLockTimeout)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return lockError(ctx, err)
	}
	defer func() { _ = lock.Close() }()
	return do()
}

func (a *app) moveLock() (*flock.Flock, error) { return a.lockNamed(moveLockName) }

// lockNamed is the lock of this name in the state folder, not taken.
func (a *app) lockNamed(name string) (*flock.Flock, error) {
	dir, err := paths.StateDir(a.getenv, os.UserHomeDir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	// Opened for reading alone, a pipe in its place would be waited for.
	return flock.New(filepath.Join(dir, name), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR)), nil
}

func lockError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return hint.On(&codeError{exitTimeout, errors.New("another ocgo-key is storing, deleting or moving keys all the time")}, "wait for it, or end it if it hangs, and try again")
	}
	return fmt.Errorf("cannot lock the state folder: %w", err)
}

// askFirst has the passphrase of the file store's identity asked for now, for a command that has less time later, or
// something else on the screen. What goes wrong shows when a key is asked for.
func (a *app) askFirst() {
	if a.keys().Name() == fileStore {
		ctx, cancel := a.keychainContext()
		defer cancel()
		_, _ = a.keys().Get(ctx, newID())
	}
}

// storeSetting is the store that is used where --store does not name one.
var storeSetting = setting{
	name: "store", values: storeNames,
	value: func(s state.Settings) any {
		if s.Store == "" {
			return osStore
		}
		return text.OneLine(s.Store)
	},
	isSet: func(s state.Settings) bool { return s.Store != "" },
	set: func(s *state.Settings, value string) bool {
		s.Store = value
		return checkStore(value) == nil
	},
	unset: func(s *state.Settings) { s.Store = "" },
	note: func(s state.Settings) string {
		switch {
		case s.Move != state.Move{}:
			return fmt.Sprintf("a move from %s to %s was cut short", text.OneLine(s.Move.From), text.OneLine(s.Move.To))
		case s.Store != "" && checkStore(s.Store) != nil:
			return "not known to this version"
		}
		return ""
	},
	refuse: func(o rotation.Overview, to state.Settings) error {
		now, then := storeOf(new(app), o.Settings), storeOf(new(app), to)
		switch {
		case o.Settings.Move != state.Move{}:
			return hint.On(fmt.Errorf("a move of the keys from %s to %s was cut short", place(o.Settings.Move.From), place(o.Settings.Move.To)),
				"`ocgo-key migrate --to "+text.Quote(o.Settings.Move.To)+"` finishes it")
		case now != then && len(o.Accounts) > 0:
			return hint.On(fmt.Errorf("the keys of %s are in %s", text.Count(len(o.Accounts), "account", "accounts"), place(now)),
				"`ocgo-key migrate --to "+text.Quote(then)+"` moves them")
		}
		return nil
	},
}

// identitySetting is the identity that is used where neither --identity nor systemd names one.
var identitySetting = setting{
	name: "identity", values: "the path of a file",
	value: func(s state.Settings) any {
		if s.Identity == "" {
			return "none"
		}
		return text.OneLine(s.Identity)
	},
	isSet: func(s state.Settings) bool { return s.Identity != "" },
	set: func(s *state.Settings, value string) bool {
		var ok bool
		s.Identity, ok = rememberable(value)
		return ok
	},
	unset: func(s *state.Settings) { s.Identity = "" },
	note: func(s state.Settings) string {
		if _, err := os.Stat(s.Identity); s.Identity != "" && errors.Is(err, os.ErrNotExist) {
			return "there is no such file yet"
		}
		return ""
	},
}

// rememberable makes a path of an identity one that will be right the next time; a descriptor's never is.
func rememberable(identity string) (path string, ok bool) {
	for _, passing := range []string{"fd:", "/dev/fd/", "/dev/std", "/proc/"} {
		if strings.HasPrefix(identity, passing) {
			return "", false
		}
	}
	path, err := filepath.Abs(identity)
	return path, err == nil && identity != ""
}

// storeCompletions are the stores that there are, by what is on the PATH.
func (a *app) storeCompletions() []completion.Value {
	values := []completion.Value{{Text: osStore, Help: "the OS keychain"}, {Text: fileStore, Help: "one file that age encrypts"}}
	seen := map[string]bool{}
	for _, dir := range filepath.SplitList(a.getenv("PATH")) {
		programs, _ := os.ReadDir(dir)
		for _, p := range programs {
			name, ok := strings.CutPrefix(strings.TrimSuffix(p.Name(), ".exe"), keychain.DockerProgram)
			if ok && !seen[name] && keychain.CheckDockerName(name) == nil {
				seen[name] = true
				values = append(values, completion.Value{Text: keychain.DockerPrefix + name, Help: "the credential helper " + p.Name()})
			}
		}
	}
	return values
}
