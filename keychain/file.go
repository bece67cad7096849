package keychain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"

	"ocgo-key/internal/atomicfile"
)

const (
	storeFile = "file"
	keysName  = "keys.age"
	lockName  = "keys.lock"
)

// A FileConfig says where the encrypted file is, and which age identity decrypts it.
type FileConfig struct {
	// Dir is the folder of keys.age and keys.lock. The first Set creates it.
	Dir string
	// Identity is the source of the age identity: the path of a file, or an open descriptor as
	// "fd:N" or /dev/fd/N. If Identity is empty, every call fails with ErrLocked.
	Identity string
	// GroupReadable allows an identity file that the group can read. The systemd credential of a
	// service with its own user has this permission.
	GroupReadable bool
	// AskPassphrase asks the user for the passphrase of an encrypted identity. It returns when ctx
	// ends. If AskPassphrase is nil, calls with an encrypted identity fail with ErrLocked.
	AskPassphrase func(ctx context.Context, prompt string) ([]byte, error)
}

// NewFile returns the store in Dir/keys.age. The file is encrypted with age
// (https://age-encryption.org/v1) to the X25519 recipients of the identity. `age -d -i IDENTITY
// keys.age` shows its plaintext: {"version":1,"keys":{ID:KEY}}.
//
// On Unix, group and others must have no permissions for the file and the identity. The file is
// written with mode 0600, atomically and synced to disk, while keys.lock is locked. Only the
// identity stays in memory. If the identity has a passphrase, the first call asks for it, once. If
// the identity is a descriptor, no child process inherits it. The first call reads the descriptor
// to its end and closes it. A call returns when its context ends, or after DefaultBudget if the
// context has no deadline.
func NewFile(c FileConfig) Store {
	return &fileStore{config: c, source: newIdentitySource(c.Identity, c.GroupReadable), busy: make(chan struct{}, 1)}
}

type fileStore struct {
	config FileConfig
	busy   chan struct{} // holds one element while the identity is being opened

	// Guarded by busy.
	source        *identitySource
	identities    []age.Identity
	passphraseErr error // why asking for the passphrase failed
}

func (s *fileStore) Name() string { return storeFile }

func (s *fileStore) path(name string) string { return filepath.Join(s.config.Dir, name) }

func (s *fileStore) Get(ctx context.Context, id string) (Secret, error) {
	var key string
	err := s.do(ctx, "get", id, func(_ context.Context, identities []age.Identity) error {
		c, err := s.read(identities)
		if err != nil {
			return err
		}
		var found bool
		key, found = c.Keys[id]
		switch {
		case !found:
			return errNotFound
		case key == "":
			return &Error{Err: errors.New("the key in " + keysName + " is empty"), Hint: errNotFound.Hint}
		}
		return nil
	})
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(key), nil
}

func (s *fileStore) Set(ctx context.Context, id string, secret Secret) error {
	if err := checkSecret(secret); err != nil {
		return call{storeFile, "set", id}.fail(err)
	}
	return s.do(ctx, "set", id, func(ctx context.Context, identities []age.Identity) error {
		return s.change(ctx, identities, func(c contents) error {
			c.Keys[id] = secret.Reveal()
			return nil
		})
	})
}

func (s *fileStore) Delete(ctx context.Context, id string) error {
	return s.do(ctx, "delete", id, func(ctx context.Context, identities []age.Identity) error {
		return s.change(ctx, identities, func(c contents) error {
			if _, ok := c.Keys[id]; !ok {
				return errNotFound
			}
			delete(c.Keys, id)
			return nil
		})
	})
}

// Inspect lists the ids. It never asks for a passphrase.
func (s *fileStore) Inspect(ctx context.Context) (Inspection, error) {
	c := call{store: storeFile}
	ctx, cancel := WithBudget(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return Inspection{}, c.fail(contextEnded(err, 0))
	}
	var found Inspection
	identities, err := s.open(ctx, nil)
	if err == nil {
		err = within(ctx, func() error {
			c, err := s.read(identities)
			found = Inspection{Complete: true, IDs: c.ids()}
			return err
		})
	}
	if err != nil {
		return Inspection{}, c.fail(err)
	}
	return found, nil
}

// do makes one call: it opens the identity, and runs work with it. It returns when ctx ends.
func (s *fileStore) do(ctx context.Context, op, id string, work func(context.Context, []age.Identity) error) error {
	c := call{storeFile, op, id}
	if err := c.check(ctx); err != nil {
		return err
	}
	ctx, cancel := WithBudget(ctx)
	defer cancel()
	identities, err := s.open(ctx, s.config.AskPassphrase)
	if err == nil {
		err = within(ctx, func() error { return work(ctx, identities) })
	}
	return c.fail(err)
}

// within runs work, but does not wait for it after ctx has ended, since the file system may hang.
// In that case the caller must not read the variables that work sets.
func within(ctx context.Context, work func() error) error {
	budget := remaining(ctx)
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		e := contextEnded(ctx.Err(), budget)
		e.Hint = "check that the disk of the file responds, and try again"
		return e
	}
}

// change locks the file, reads it, alters its contents and writes it.
func (s *fileStore) change(ctx context.Context, identities []age.Identity, alter func(contents) error) error {
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return s.unwritable("cannot create the folder of the file", err)
	}
	// The file is not opened read-only: if the path is a pipe, that would block.
	lock := flock.New(s.path(lockName), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	defer func() { _ = lock.Close() }()
	if _, err := lock.TryLockContext(ctx, lockPollInterval); err != nil {
		if ctx.Err() != nil {
			return &Error{
				Kind: Timeout,
				Err:  reason{"another ocgo-key process holds the lock of the file", ctx.Err()},
				Hint: "end the process that hangs",
			}
		}
		return s.unwritable("cannot lock the file", err)
	}
	c, err := s.read(identities)
	if err != nil {
		return err
	}
	if err := alter(c); err != nil {
		return err
	}
	data, err := encryptContents(c, identities)
	if err != nil {
		return err
	}
	// The new file must be decryptable before it replaces the old one.
	if _, err := decryptContents(data, identities); err != nil {
		return err
	}
	target, err := s.target()
	if err != nil {
		return err
	}
	removeLeftovers(target)
	if err := atomicfile.Write(target, data, 0o600, true); err != nil {
		return s.unwritable("cannot write the file", err)
	}
	return nil
}

// lockPollInterval is the time between two attempts to take a lock that another process holds.
const lockPollInterval = 5 * time.Millisecond

// target returns the path of keys.age or, if keys.age is a link, of the file that it points to.
func (s *fileStore) target() (string, error) {
	path := s.path(keysName)
	target, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		return target, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", s.unwritable("cannot find the file", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return "", &Error{Kind: Refused, Err: errors.New(path + " is a link to a file that does not exist"), Hint: "restore that file, or remove the link"}
	}
	return path, nil
}

// removeLeftovers removes the temporary files of killed writers. The caller holds the lock, so no
// other writer is active.
func removeLeftovers(target string) {
	dir, name := filepath.Split(target)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+name+".") && strings.HasSuffix(e.Name(), ".tmp") {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func (s *fileStore) unwritable(what string, err error) *Error {
	e := &Error{Err: fmt.Errorf("%s: %s", what, sanitize(err, Secret{})), Hint: "check the free space and the permissions in " + s.config.Dir}
	if errors.Is(err, fs.ErrPermission) {
		e.Kind = Refused
	}
	return e
}
