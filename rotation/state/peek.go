package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"

	"ocgo-key/internal/trust"
)

// Errors of Peek.
var (
	// ErrUnreadable means that state.json is not valid. Read would rename the file, and restore the
	// last good copy.
	ErrUnreadable = errors.New("the state cannot be read")
	// ErrMissing means that state.json is missing although its copy exists. Read would restore the
	// file from the copy.
	ErrMissing = errors.New("the state is missing")
)

// Peek is like Read, but repairs nothing. With ErrUnreadable and ErrMissing it returns the last
// good copy, if there is one.
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

// lockPoll is how often LockHeld tries the lock.
const lockPoll = 50 * time.Millisecond

// LockPath returns the path of the lock.
func (f *File) LockPath() string { return f.path(lockName) }

// LockHeld waits for the lock and reports whether other processes still hold it when ctx ends. It
// creates no file.
func (f *File) LockHeld(ctx context.Context) (bool, error) {
	info, err := os.Lstat(f.LockPath())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "lock", Path: f.LockPath(), Err: errors.New("not a regular file")}
	}
	if err != nil {
		return false, err
	}
	lock := flock.New(f.LockPath(), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|trust.NoFollow))
	defer lock.Close()
	free, err := lock.TryLockContext(ctx, lockPoll)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true, nil
	}
	return !free, err
}
