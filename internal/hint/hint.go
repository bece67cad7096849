// Package hint puts on an error what the user does next, and which kind of failure it is where the error alone does not
// say so.
package hint

import (
	"errors"
	"fmt"
)

// Kinds of failure that no package has to itself. [errors.Is] finds them in errors of [As].
var (
	ErrInput   = errors.New("the command line or the input is wrong")
	ErrRefused = errors.New("refused")
	ErrExists  = errors.New("already there")
)

// On returns err with the next step: one line, without a period at its end. Of several hints the outermost counts. A nil err
// stays nil.
func On(err error, next string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, next}
}

// Of returns the hint on err. found is false where err has none; an empty hint says that there is no next step.
func Of(err error) (next string, found bool) {
	h, found := errors.AsType[*hinted](err)
	if !found {
		return "", false
	}
	return h.next, true
}

type hinted struct {
	err  error
	next string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Input is an error in what the user typed, piped or set.
func Input(format string, args ...any) error { return As(ErrInput, fmt.Errorf(format, args...)) }

// Refuse is an error for what the user, the service or a rule of ours does not allow.
func Refuse(format string, args ...any) error { return As(ErrRefused, fmt.Errorf(format, args...)) }

// As returns err, in words that stay as they are, as an error that is of this kind too. A nil err stays nil.
func As(kind, err error) error {
	if err == nil {
		return nil
	}
	return &ofKind{err, kind}
}

type ofKind struct{ err, kind error }

func (k *ofKind) Error() string        { return k.err.Error() }
func (k *ofKind) Unwrap() error        { return k.err }
func (k *ofKind) Is(target error) bool { return target == k.kind }
