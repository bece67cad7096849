package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// What Peek finds, where Read would repair.
var (
	// ErrUnreadable means that state.json makes no sense. Read sets it aside and takes the last
	// good copy.
	ErrUnreadable = errors.New("the state cannot be read")
	// ErrMissing means that there is no state.json although there was one. Read brings the last
	// good copy back.
	ErrMissing = errors.New("the state is missing")
)

// Peek reads the state and changes nothing, also where Read would repair. With ErrUnreadable and
// ErrMissing it returns the last good copy, if there is one. As with Read, what it returns is only
// to be read.
func (f *File) Peek() (*State, error) {
	s, err := f.load(fileName)
	missing := errors.Is(err, fs.ErrNotExist)
	if !missing && !isUnreadable(err) {
		return s, err
	}
	last, lastErr := f.load(lastName)
	switch {
	case errors.Is(lastErr, ErrNewer):
		return nil, lastErr
	case missing && errors.Is(lastErr, fs.ErrNotExist):
		return &State{Version: Version}, nil
	case missing:
		return last, ErrMissing
	}
	return last, fmt.Errorf("%w: %w", ErrUnreadable, err)
}

// lockPoll is how often LockHeld looks.
const lockPoll = 50 * time.Millisecond

// LockPath is the path of the lock around each change.
func (f *File) LockPath() string { return f.path(lockName) }

// LockHeld reports whether other processes hold the lock for as long as ctx lasts. It makes no
// file.
func (f *File) LockHeld(ctx context.Context) (bool, error) {
	info, err := os.Stat(f.LockPath())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "lock", Path: f.LockPath(), Err: errors.New("it is not a regular file")}
	}
	if err != nil {
		return false, err
	}
	lock := flock.New(f.LockPath(), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	defer lock.Close()
	free, err := lock.TryLockContext(ctx, lockPoll)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true, nil
	}
	return !free, err
}
