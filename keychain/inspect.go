package keychain

import (
	"context"
	"errors"
	"time"
)

// An Inspection is what can be read from a keychain without prompting the user. It is zero for a
// store that cannot be inspected.
type Inspection struct {
	// Complete says that IDs lists every key in the keychain.
	Complete bool
	// IDs are the account ids that have a key, sorted. The pool may not have all of these accounts.
	IDs []string
	// Locked is an *Error if there are also keys in a locked keyring, and otherwise nil. The
	// keychain does not show for which accounts these are, and reading one prompts the user. So
	// Locked is the error to report for an account that is not among IDs.
	Locked error
}

// An Inspector is a Store that can be inspected without prompting the user.
type Inspector interface {
	// Inspect reads no key and never prompts the user. It returns when ctx ends. Its errors are
	// *Error; ErrLocked means that reading a key now would prompt the user for the password.
	Inspect(ctx context.Context) (Inspection, error)
}

// Inspect inspects the keychain. The result is complete only on Linux: other systems may have keys
// that cannot be listed.
func (s *osStore) Inspect(ctx context.Context) (Inspection, error) {
	if s.inspect == nil {
		return Inspection{}, nil
	}
	ctx, cancel := WithBudget(ctx)
	defer cancel()
	start, budget := time.Now(), remaining(ctx)
	c := call{store: storeOS}
	if err := ctx.Err(); err != nil {
		return Inspection{}, c.fail(contextEnded(err, 0))
	}
	if s.preflight != nil {
		if err := s.preflight(); err != nil {
			return Inspection{}, c.fail(err)
		}
	}
	found, err := s.inspect(ctx)
	if err == nil {
		return found, nil
	}
	if errors.Is(err, errCallEnded) {
		return Inspection{}, c.fail(contextEnded(ctx.Err(), budget))
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Timeout && ctx.Err() != nil {
		timedOut := *e
		timedOut.Err = reason{e.message() + " within " + time.Since(start).Round(time.Second).String(), ctx.Err()}
		err = &timedOut
	}
	return Inspection{}, c.fail(err)
}
