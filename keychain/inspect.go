package keychain

import (
	"context"
	"errors"
	"time"
)

// An Inspection is what can be seen of a keychain without prompting its user. The zero value is
// that of a system whose keychain tells nothing before a key is asked for.
type Inspection struct {
	// Complete says that IDs is all that the keychain holds.
	Complete bool
	// IDs are the account ids with a key, sorted, whether or not there still is such an account.
	IDs []string
	// Locked is the error (an *Error) for an account that is not among IDs, if there are keys in a
	// place that is locked. The keychain does not tell whose they are; reading one makes it prompt
	// its user.
	Locked error
}

// An Inspector is a Store that can be examined without prompting its user.
type Inspector interface {
	// Inspect reads no key and opens no window. It returns when ctx ends. Its errors are *Error;
	// ErrLocked means that reading a key now makes the keychain prompt its user for the password.
	Inspect(ctx context.Context) (Inspection, error)
}

// Inspect examines the keychain, on Linux only. The other systems' tools tell nothing without
// reading keys.
func (s *osStore) Inspect(ctx context.Context) (Inspection, error) {
	if s.inspect == nil {
		return Inspection{}, nil
	}
	ctx, cancel := budgeted(ctx)
	defer cancel()
	start := time.Now()
	c := call{store: storeOS}
	if err := ctx.Err(); err != nil {
		return Inspection{}, c.fail(contextEnded(err, 0))
	}
	if err := s.preflight(); err != nil {
		return Inspection{}, c.fail(err)
	}
	found, err := s.inspect(ctx)
	if err == nil {
		return found, nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Timeout && ctx.Err() != nil {
		timedOut := *e
		timedOut.Err = reason{e.message() + " within " + time.Since(start).Round(time.Second).String(), ctx.Err()}
		err = &timedOut
	}
	return Inspection{}, c.fail(err)
}
