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
	locksName = "keys.lock"
)

// A FileConfig says where the encrypted file is, and what opens it.
type FileConfig struct {
	// Dir is the folder of keys.age and keys.lock; it is made at the first Set.
	Dir string
	// Identity is where the age identity comes from: the path of a file, or an
	// open descriptor as "fd:N" or /dev/fd/N. Empty means that there is none,
	// and every call ends with ErrLocked.
	Identity string
	// Shared says that the identity's file may be readable by its group, as a
	// systemd credential of a service with a user of its own is.
	Shared bool
	// Ask asks the user for the passphrase of an identity that has one. It ends
	// when ctx does. Nil means that nobody is asked, and such an identity is
	// ErrLocked.
	Ask func(ctx context.Context, prompt string) ([]byte, error)
}

// NewFile returns the store in Dir/keys.age: one file that age encrypts
// (https://age-encryption.org/v1) to the X25519 recipients of the identity.
// Its plaintext is {"version":1,"keys":{ID:KEY}}, so `age -d -i IDENTITY
// keys.age` shows it.
//
// The file and the identity have to be the user's alone (no permissions for
// group and others, where the system has such); the file is written as 0600,
// as a whole and to the disk, under the lock on keys.lock. Nothing is kept in
// memory but the identity. A passphrase is asked for once, at the first call.
//
// A descriptor is read to its end, and then closed; from now on no child
// inherits it. Nothing else is touched before the first call. A call ends with
// its context, or after DefaultBudget if the context has no deadline.
func NewFile(c FileConfig) Store {
	return &fileStore{config: c, source: newSource(c.Identity, c.Shared), turn: make(chan struct{}, 1)}
}

type fileStore struct {
	config FileConfig
	turn   chan struct{} // holds one element while the identity is being opened

	// Guarded by turn.
	source     *source
	identities []age.Identity
	refused    error // what came of asking for the passphrase
}

func (s *fileStore) Name() string { return storeFile }

func (s *fileStore) path(name string) string { return filepath.Join(s.config.Dir, name) }

func (s *fileStore) Get(ctx context.Context, id string) (Secret, error) {
	var key string
	err := s.do(ctx, "get", id, func(_ context.Context, identities []age.Identity) error {
		ring, err := s.read(identities)
		if err != nil {
			return err
		}
		var ok bool
		key, ok = ring.Keys[id]
		switch {
		case !ok:
			return notFound
		case key == "":
			return &failure{msg: keysName + " holds an empty one", hint: notFound.hint}
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
		return at(err, storeFile, "set", id)
	}
	return s.do(ctx, "set", id, func(ctx context.Context, identities []age.Identity) error {
		return s.change(ctx, identities, func(r ring) error {
			r.Keys[id] = secret.Reveal()
			return nil
		})
	})
}

func (s *fileStore) Delete(ctx context.Context, id string) error {
	return s.do(ctx, "delete", id, func(ctx context.Context, identities []age.Identity) error {
		return s.change(ctx, identities, func(r ring) error {
			if _, ok := r.Keys[id]; !ok {
				return notFound
			}
			delete(r.Keys, id)
			return nil
		})
	})
}

// Inspect lists the ids. It never asks for a passphrase.
func (s *fileStore) Inspect(ctx context.Context) (Inspection, error) {
	ctx, cancel := budgeted(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return Inspection{}, ended(err, 0).at(storeFile, "", "")
	}
	var seen Inspection
	identities, err := s.open(ctx, nil)
	if err == nil {
		err = within(ctx, func() error {
			r, err := s.read(identities)
			seen = Inspection{Lists: true, IDs: r.ids()}
			return err
		})
	}
	if err != nil {
		return Inspection{}, at(err, storeFile, "", "")
	}
	return seen, nil
}

// do makes one call: it opens the identity, and lets work use it until ctx ends.
func (s *fileStore) do(ctx context.Context, op, id string, work func(context.Context, []age.Identity) error) error {
	if err := checkID(id); err != nil {
		return at(err, storeFile, op, id)
	}
	if err := ctx.Err(); err != nil {
		return ended(err, 0).at(storeFile, op, id)
	}
	ctx, cancel := budgeted(ctx)
	defer cancel()
	identities, err := s.open(ctx, s.config.Ask)
	if err == nil {
		err = within(ctx, func() error { return work(ctx, identities) })
	}
	if err != nil {
		return at(err, storeFile, op, id)
	}
	return nil
}

// budgeted gives ctx a deadline if it has none.
func budgeted(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, DefaultBudget)
}

// within waits for work, but not longer than ctx: what hangs in the file
// system is left behind. What work writes to is not read then.
func within(ctx context.Context, work func() error) error {
	deadline, _ := ctx.Deadline()
	budget := time.Until(deadline)
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		f := ended(ctx.Err(), budget)
		f.hint = "see whether the disk that it is on answers, and try again"
		return f
	}
}

// change reads the file, alters what is in it and writes it, under the lock.
func (s *fileStore) change(ctx context.Context, identities []age.Identity, alter func(ring) error) error {
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return s.unwritable("cannot make its folder", err)
	}
	// Opened for reading alone, a pipe in its place would be waited for.
	lock := flock.New(s.path(locksName), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	defer func() { _ = lock.Close() }()
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return &failure{
				kind: Timeout, err: ctx.Err(),
				msg:  "another ocgo-key is writing to it all the time",
				hint: "see which one hangs, and end it",
			}
		}
		return s.unwritable("cannot lock it", err)
	}
	r, err := s.read(identities)
	if err != nil {
		return err
	}
	if err := alter(r); err != nil {
		return err
	}
	data, err := seal(r, identities)
	if err != nil {
		return err
	}
	// Only what can be read again takes the old one's place.
	if _, err := unseal(data, identities); err != nil {
		return err
	}
	target, err := s.target()
	if err != nil {
		return err
	}
	dropLeftovers(target)
	if err := atomicfile.Write(target, data, 0o600, true); err != nil {
		return s.unwritable("cannot write it", err)
	}
	return nil
}

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 5 * time.Millisecond

// target is the file itself, where keys.age is a link to it: the link stays.
func (s *fileStore) target() (string, error) {
	path := s.path(keysName)
	target, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		return target, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", s.unwritable("cannot find it", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return "", &failure{kind: Refused, msg: path + " is a link to a file that is not there", hint: "bring that file back, or remove the link"}
	}
	return path, nil
}

// dropLeftovers removes the temporary files of writers that were killed. The
// lock is ours, so nobody is writing one.
func dropLeftovers(target string) {
	dir, name := filepath.Split(target)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+name+".") && strings.HasSuffix(e.Name(), ".tmp") {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func (s *fileStore) unwritable(what string, err error) *failure {
	f := &failure{msg: fmt.Sprintf("%s: %s", what, clean(err, Secret{})), hint: "see to room and permissions in " + s.config.Dir}
	if errors.Is(err, fs.ErrPermission) {
		f.kind = Refused
	}
	return f
}
