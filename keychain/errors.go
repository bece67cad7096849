package keychain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ocgo-key/internal/text"
)

// A Kind says what went wrong, as far as the caller has to tell it apart.
type Kind int

// The kinds of failure. The zero value, Failed, is everything without a kind
// of its own.
const (
	Failed     Kind = iota
	NotFound        // the store has no secret for this id
	Locked          // the keychain is locked, or the question for its password was dismissed
	NoKeychain      // there is no keychain to ask
	Timeout         // no answer before the deadline
	Refused         // the keychain or the user said no
	TooLarge        // more than MaxSecretSize bytes
)

// The sentinels for errors.Is, one for each Kind but Failed.
var (
	ErrNotFound   = errors.New("no such key in the keychain")
	ErrLocked     = errors.New("keychain locked")
	ErrNoKeychain = errors.New("no keychain")
	ErrTimeout    = errors.New("keychain did not answer in time")
	ErrRefused    = errors.New("refused by the keychain")
	ErrTooLarge   = errors.New("key too large")
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
}

// String is the kind in words.
func (k Kind) String() string {
	if info, ok := kinds[k]; ok {
		return info.name
	}
	return fmt.Sprintf("kind %d", int(k))
}

// An Error is what every Store returns. No field holds a secret, and Err is
// never the underlying library's own error, whose text is not ours to vouch for.
type Error struct {
	Kind  Kind
	Op    string // "get", "set" or "delete"; empty if no store was asked
	Store string // the store's Name
	ID    string // the account id
	Hint  string // the user's next step, one line; empty if there is none
	Mend  string // a shell's command line that is likely to put it right; empty if there is none
	Err   error  // the cause in our own words; a context's error is in its chain
}

// Error says what could not be done and why, in one line without the hint.
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
		fmt.Fprintf(&b, " (%s)", place(e.Store))
		b.WriteString(": ")
	}
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	} else {
		b.WriteString(e.Kind.String())
	}
	return b.String()
}

func place(store string) string {
	if store == storeOS {
		return "OS keychain"
	}
	return "store " + store
}

// Naming returns err with the account named by label, as people know it, where err is an Error. In
// the commands of its hint the label is one word of the user's shell.
func Naming(err error, label string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		named := *e
		named.ID = label
		named.Hint = strings.ReplaceAll(e.Hint, "NAME", text.Quote(label))
		return &named
	}
	return err
}

// WithoutAccount returns err without the account it was about, for a question that was about none in particular.
func WithoutAccount(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		bare := *e
		bare.Op, bare.ID = "", ""
		return &bare
	}
	return err
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the sentinel of the error's kind.
func (e *Error) Is(target error) bool {
	sentinel := kinds[e.Kind].sentinel
	return sentinel != nil && target == sentinel
}

// A failure is an Error on its way: what it is, without where it happened. Its texts are ours. It matches the sentinel of
// its kind.
type failure struct {
	kind Kind
	msg  string
	hint string
	mend string
	err  error // in the chain, without showing in the text
}

func (f *failure) Error() string        { return f.msg }
func (f *failure) Unwrap() error        { return f.err }
func (f *failure) Is(target error) bool { return (&Error{Kind: f.kind}).Is(target) }

func (f *failure) at(store, op, id string) *Error {
	return &Error{Kind: f.kind, Op: op, Store: store, ID: id, Hint: f.hint, Mend: f.mend, Err: cause{f.msg, f.err}}
}

// at returns err, a failure of this package, with where it happened.
func at(err error, store, op, id string) *Error {
	f, ok := errors.AsType[*failure](err)
	if !ok { // its text is not ours to vouch for
		f = &failure{msg: "it failed"}
	}
	return f.at(store, op, id)
}

// with returns a copy of the failure that change has altered.
func (f *failure) with(change func(*failure)) *failure {
	other := *f
	change(&other)
	return &other
}

// A cause reads as msg and unwraps to err: a context's error is there to be
// found, but "context deadline exceeded" tells a user nothing.
type cause struct {
	msg string
	err error
}

func (c cause) Error() string { return c.msg }
func (c cause) Unwrap() error { return c.err }

var (
	notFound = &failure{
		kind: NotFound,
		msg:  "there is none",
		hint: "store it again with `ocgo-key replace NAME`, or drop the account with `ocgo-key remove NAME`",
	}
	tooLarge = &failure{
		kind: TooLarge,
		msg:  fmt.Sprintf("the key is larger than the %d bytes that every keychain takes", MaxSecretSize),
		hint: "check that what you gave is the key alone",
	}
)

// ended is the failure for a context that is over. budget is how long the
// keychain was given, zero if it was never asked.
func ended(err error, budget time.Duration) *failure {
	if !errors.Is(err, context.DeadlineExceeded) {
		return &failure{msg: "the wait was called off", err: err}
	}
	msg := "the time was up before it could be asked"
	if budget > 0 {
		unit := time.Millisecond
		if budget >= time.Second {
			unit = 100 * time.Millisecond
		}
		msg = "no answer within " + budget.Round(unit).String()
	}
	return &failure{
		kind: Timeout,
		msg:  msg,
		hint: "see whether the keychain waits for you to answer a question on the screen, unlock it, and try again",
		err:  err,
	}
}
