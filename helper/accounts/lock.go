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
)

// Locks in the state folder. Who stores or deletes a key shares the lock of moves, a move has it
// alone. Keys that come in are compared with those that are there, so they come in one at a time.
const (
	MoveLockName = "move.lock"
	AddLockName  = "add.lock"
)

// lockPoll is how often a lock that others hold is tried.
const lockPoll = 20 * time.Millisecond

// addTimeout bounds the wait for other processes that bring keys in: there may be a person at a
// question of the keychain.
const addTimeout = time.Minute

// ErrBusy means that other processes had the key store for all of the time.
var ErrBusy = errors.New("another ocgo-key is storing, deleting or moving keys all the time")

// Alone runs do, which compares a key with the others and brings it in, while no other process
// does. Errors: [ErrBusy], or do's.
func (k *Keys) Alone(do func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), addTimeout)
	defer cancel()
	return k.locked(ctx, AddLockName, takeAlone, do)
}

// Alone is [Keys.Alone] of the pool's keys.
func (a *Accounts) Alone(do func() error) error { return a.Keys.Alone(do) }

// unmoved runs do while no move of the keys goes on.
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
			return hint.On(ErrBusy, "wait for it, or end it if it hangs, and try again")
		}
		return fmt.Errorf("cannot lock the state folder: %w", err)
	}
	defer func() { _ = lock.Close() }()
	return do()
}

// lock is the lock of this name, not taken.
func (k *Keys) lock(name string) (*flock.Flock, error) {
	dir, err := k.dir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	// Opened for reading alone, a pipe in its place would be waited for.
	return flock.New(filepath.Join(dir, name), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR)), nil
}

// Moving reports whether a move of the keys is at work at this moment.
func (k *Keys) Moving() bool {
	lock, err := k.lock(MoveLockName)
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	free, err := lock.TryRLock()
	return err == nil && !free
}

// taking is how a lock is taken: alone or shared.
type taking func(*flock.Flock, context.Context, time.Duration) (bool, error)

var (
	takeAlone  taking = (*flock.Flock).TryLockContext
	takeShared taking = (*flock.Flock).TryRLockContext
)
