package keychain

import (
	"context"
	"errors"
	"time"
)

// An Inspection is what can be seen of a keychain without a question to its user. The zero value is that of a
// system whose keychain tells nothing before a key is asked for.
type Inspection struct {
	// Lists: the keychain tells what it holds, and IDs is all of it, in order.
	Lists bool
	IDs   []string // account ids with a key, whether or not there still is such an account
	// Locked is the error (an *Error) for an account that is not among IDs, if there are keys in a place that is
	// locked. The keychain does not tell whose they are; asking for one makes it ask its user.
	Locked error
}

// An Inspector is a Store that can be looked at without a question to its user.
type Inspector interface {
	// Inspect asks for no key, and makes no window come up. It ends with ctx. Its errors are *Error; ErrLocked
	// means that whoever asks for a key now makes the keychain ask its user for the password.
	Inspect(ctx context.Context) (Inspection, error)
}

// Inspect looks at the keychain: on Linux alone. The other systems' tools do not tell without asking for keys.
func (s *osStore) Inspect(ctx context.Context) (Inspection, error) {
	if s.inspect == nil {
		return Inspection{}, nil
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultBudget)
		defer cancel()
	}
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return Inspection{}, ended(err, 0).at(storeOS, "", "")
	}
	if err := s.preflight(); err != nil {
		return Inspection{}, at(err, storeOS, "", "")
	}
	seen, err := s.inspect(ctx)
	if f, ok := errors.AsType[*failure](err); ok && f.kind == Timeout && f.err == nil && ctx.Err() != nil {
		err = f.with(func(f *failure) {
			f.msg, f.err = f.msg+" within "+time.Since(start).Round(time.Second).String(), ctx.Err()
		})
	}
	if err != nil {
		return Inspection{}, at(err, storeOS, "", "")
	}
	return seen, nil
}
