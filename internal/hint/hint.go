// Package hint adds a hint for the user, or a kind of failure, to an error.
package hint

import (
	"errors"
	"fmt"
)

// Kinds of failure that are not specific to one package. [errors.Is] finds them in errors from [As].
var (
	ErrInput   = errors.New("the command line or the input is wrong")
	ErrRefused = errors.New("refused")
	ErrExists  = errors.New("already there")
)

// On returns err with a hint, the next step for the user. A hint is one line without a period at
// its end. If an error has several hints, the outermost one is used. On returns nil if err is nil.
func On(err error, next string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, next}
}

// Of returns the hint of err. found is false if err has no hint. An empty hint means that there is
// no next step.
func Of(err error) (next string, found bool) {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.next, true
	}
	return "", false
}

type hinted struct {
	err  error
	next string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Input returns an error about something that the user typed, piped or set.
func Input(format string, args ...any) error { return As(ErrInput, fmt.Errorf(format, args...)) }

// Refuse returns an error for an action that the user, the service or ocgo-key refuses.
func Refuse(format string, args ...any) error { return As(ErrRefused, fmt.Errorf(format, args...)) }

// As returns err, with the same text, as an error of this kind. It returns nil if err is nil.
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
