package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/trust"
)

// Names of the locks in the state folder. A move of the keys takes the move lock exclusively; every
// other change of a key takes it shared. Only one process at a time holds the add lock, since a new
// key is compared with all others.
const (
	MoveLockName = "move.lock"
	AddLockName  = "add.lock"
)

// lockPoll is the time between two attempts to take a lock.
const lockPoll = 20 * time.Millisecond

// addTimeout limits the wait for other processes that add a key. They may wait until the user
// answers a prompt of the keychain.
const addTimeout = time.Minute

// ErrBusy means that other processes held the lock during the whole wait.
var ErrBusy = errors.New("another ocgo-key process is storing, deleting or moving keys")

// Alone calls the function do while no other process adds a key, so that do can compare a new key
// with all others. The error is [ErrBusy] or comes from do.
func (a *Accounts) Alone(do func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), addTimeout)
	defer cancel()
	return a.Keys.locked(ctx, AddLockName, takeAlone, do)
}

// unmoved calls the function do while no move of the keys is running.
func (k *Keys) unmoved(ctx context.Context, do func() error) error {
	return k.locked(ctx, MoveLockName, takeShared, do)
}

func (k *Keys) locked(ctx context.Context, name string, take taking, do func() error) error {
	lock, err := k.lock(name)
	if err != nil {
		return err
	}
	if _, err := take(lock, ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return hint.On(ErrBusy, "wait for that process, or end it if it hangs, and try again")
		}
		return fmt.Errorf("cannot lock the state folder: %w", err)
	}
	defer func() { _ = lock.Close() }()
	return do()
}

// lock returns the lock with this name. It does not take the lock.
func (k *Keys) lock(name string) (*flock.Flock, error) {
	dir, err := k.dir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the state folder: %w", err)
	}
	// The file is not opened read-only: if the path is a pipe, that would block.
	return flock.New(filepath.Join(dir, name), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|trust.NoFollow)), nil
}

// Moving reports whether a move of the keys is running.
func (k *Keys) Moving() bool {
	lock, err := k.lock(MoveLockName)
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	free, err := lock.TryRLock()
	return err == nil && !free
}

// taking is a function that takes a lock, exclusive or shared.
type taking func(*flock.Flock, context.Context, time.Duration) (bool, error)

var (
	takeAlone  taking = (*flock.Flock).TryLockContext
	takeShared taking = (*flock.Flock).TryRLockContext
)
