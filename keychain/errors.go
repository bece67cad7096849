package keychain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ocgo-key/internal/text"
)

// A Kind is the kind of a failure. Callers need to distinguish only these.
type Kind int

// The kinds of failure. The zero value, Failed, is for all other failures.
const (
	Failed     Kind = iota
	NotFound        // the store has no secret for this id
	Locked          // the keychain is locked, or the user dismissed its password prompt
	NoKeychain      // no keychain is available
	Timeout         // no answer before the deadline
	Refused         // the keychain or the user denied the request
	TooLarge        // more than MaxSecretSize bytes
	Unusable        // the stored text cannot be a key
)

// The sentinel errors for errors.Is, one for each Kind except Failed.
var (
	ErrNotFound   = errors.New("no such key in the keychain")
	ErrLocked     = errors.New("keychain locked")
	ErrNoKeychain = errors.New("no keychain")
	ErrTimeout    = errors.New("keychain did not answer in time")
	ErrRefused    = errors.New("refused by the keychain")
	ErrTooLarge   = errors.New("key too large")
	ErrUnusable   = errors.New("the stored text cannot be a key")
)

var kinds = map[Kind]struct {
	name     string
	sentinel error
}{
	Failed:     {name: "failed"},
	NotFound:   {"not found", ErrNotFound},
	Locked:     {"locked", ErrLocked},
	NoKeychain: {"no keychain", ErrNoKeychain},
	Timeout:    {"timeout", ErrTimeout},
	Refused:    {"refused", ErrRefused},
	TooLarge:   {"too large", ErrTooLarge},
	Unusable:   {"unusable", ErrUnusable},
}

// String returns the kind in words.
func (k Kind) String() string {
	if info, ok := kinds[k]; ok {
		return info.name
	}
	return fmt.Sprintf("kind %d", int(k))
}

// An Error is the error type of every Store. No field holds a secret. Err is never an error of the
// underlying library, since its text could contain a secret.
type Error struct {
	Kind  Kind
	Op    string // "get", "set" or "delete"; empty if no store was called
	Store string // the store's Name
	ID    string // the account id
	Hint  string // the user's next step, one line; empty if there is none
	Fix   string // a shell command line that is likely to fix it; empty if there is none
	Err   error  // the cause, with a message of this package; may wrap a context's error
}

// Error says in one line what failed and why, without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	switch e.Op {
	case "get":
		b.WriteString("cannot read the key")
	case "set":
		b.WriteString("cannot store the key")
	case "delete":
		b.WriteString("cannot delete the key")
	}
	if b.Len() > 0 {
		if e.ID != "" {
			fmt.Fprintf(&b, " of account %q", e.ID)
		}
		fmt.Fprintf(&b, " (%s): ", describeStore(e.Store))
	}
	b.WriteString(e.message())
	return b.String()
}

// message returns the cause, without the operation and the account.
func (e *Error) message() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Kind.String()
}

func describeStore(store string) string {
	if store == storeOS {
		return "OS keychain"
	}
	return "store " + store
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the sentinel of the error's kind.
func (e *Error) Is(target error) bool {
	sentinel := kinds[e.Kind].sentinel
	return sentinel != nil && target == sentinel
}

// withMessage returns a copy of e with another message. Its Err wraps the same errors.
func (e *Error) withMessage(message string) *Error {
	changed := *e
	changed.Err = reason{message, e.Err}
	return &changed
}

// WithLabel returns err with the account's id replaced by its label, if err is an *Error. It also
// replaces NAME in the hint by the label, quoted as one word for the user's shell.
func WithLabel(err error, label string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		named := *e
		named.ID = label
		named.Hint = strings.ReplaceAll(e.Hint, "NAME", text.Quote(label))
		return &named
	}
	return err
}

// WithoutAccount returns err without its operation and account, if err is an *Error. It is for a
// failure that concerns all accounts.
func WithoutAccount(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		bare := *e
		bare.Op, bare.ID = "", ""
		return &bare
	}
	return err
}

// A reason is an error with a message for the user. It wraps err, but does not show err's text:
// "context deadline exceeded" would not help the user.
type reason struct {
	message string
	err     error
}

func (r reason) Error() string { return r.message }
func (r reason) Unwrap() error { return r.err }

// A call describes a call of a Store's method. The errors of that call have the same fields.
type call struct{ store, op, id string }

// check returns an error for an invalid id, or if ctx has ended.
func (c call) check(ctx context.Context) error {
	if err := checkID(c.id); err != nil {
		return c.fail(err)
	}
	if err := ctx.Err(); err != nil {
		return c.fail(contextEnded(err, 0))
	}
	return nil
}

// fail returns err as an *Error with the fields of c, or nil if err is nil.
func (c call) fail(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Err: errors.New(sanitize(err, Secret{}))}
	}
	failed := *e
	failed.Store, failed.Op, failed.ID = c.store, c.op, c.id
	return &failed
}

// Errors that several stores return. fail copies them before it sets fields.
var (
	errNotFound = &Error{
		Kind: NotFound,
		Err:  errors.New("no key is stored for this account"),
		Hint: "store the key again with `ocgo-key replace NAME`, or remove the account with `ocgo-key remove NAME`",
	}
	errTooLarge = &Error{
		Kind: TooLarge,
		Err:  fmt.Errorf("the key is larger than %d bytes, which not every keychain can store", MaxSecretSize),
		Hint: "check that you entered only the key",
	}
)

// contextEnded returns the error for a context that ended with err. budget is the time limit of the
// call, or zero if the store was not called.
func contextEnded(err error, budget time.Duration) *Error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return &Error{Err: reason{"canceled", err}}
	}
	message := "timed out before the keychain was called"
	if budget > 0 {
		unit := time.Millisecond
		if budget >= time.Second {
			unit = 100 * time.Millisecond
		}
		message = "no answer within " + budget.Round(unit).String()
	}
	return &Error{
		Kind: Timeout,
		Err:  reason{message, err},
		Hint: "check whether the keychain shows a prompt on the screen, unlock it, and try again",
	}
}

// DefaultBudget is the time limit of a call whose context has no deadline. It is also the time
// limit of `get`.
const DefaultBudget = 8 * time.Second

// WithBudget returns ctx, with a deadline after DefaultBudget if ctx has none.
func WithBudget(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, DefaultBudget)
}

// remaining returns the time until the deadline of ctx, which must have one.
func remaining(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline)
}
