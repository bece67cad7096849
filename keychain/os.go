package keychain

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zalando/go-keyring"
)

const storeOS = "os"

// DefaultBudget is how long the OS keychain gets when the caller's context has
// no deadline: as long as `get` may take in any state of the keychain.
const DefaultBudget = 8 * time.Second

// NewOS returns the keychain of the operating system: Secret Service on Linux
// (over D-Bus), Keychain on macOS, Credential Manager on Windows.
//
// A call ends with its context, or after DefaultBudget if the context has no
// deadline. The library below knows no deadlines, so a call that was given up
// goes on unseen until it is answered or the process ends; a Set that timed
// out may still take effect. Calls are made one at a time, since questions to
// the user on one D-Bus connection take each other's answers.
//
// On Linux the first call may set DBUS_SESSION_BUS_ADDRESS in this process's
// environment, so take a child's environment before it.
func NewOS() Store {
	return newOSStore(systemBackend(), system())
}

// A backend is go-keyring, or what stands in for it in a test.
type backend interface {
	Get(service, user string) (string, error)
	Set(service, user, password string) error
	Delete(service, user string) error
}

// A platform is what differs between the systems. Each field may be nil.
type platform struct {
	// preflight looks, before anything is asked, whether asking is safe.
	preflight func() error
	// classify returns the failure that one of the system's own errors means, nil for another. It may ask the system.
	classify func(context.Context, error) error
	// warm makes what every call needs. A preflight comes with it.
	warm func()
	// inspect looks at the keychain without a question to its user; a preflight comes with it.
	inspect func(context.Context) (Inspection, error)
	// watch looks after a call that takes long. It fails when the keychain service
	// ends under it, since nobody will answer then, and returns nil when ctx ends.
	// Meanwhile it notes how far it came.
	watch func(context.Context, *progress) error
	// vanished knows the error for a key that another process deleted between being found and being used.
	vanished func(error) bool
	// thorough: the backend may say that it deleted when it did not, so look.
	thorough bool
}

type osStore struct {
	backend backend
	platform
	turn chan struct{} // holds one element while a call is under way
}

func newOSStore(b backend, p platform) *osStore {
	return &osStore{backend: b, platform: p, turn: make(chan struct{}, 1)}
}

func (s *osStore) Name() string { return storeOS }

// Warm connects to the keychain service, on Linux; the other systems have no connection.
func (s *osStore) Warm() {
	if s.warm == nil {
		return
	}
	defer func() { _ = recover() }() // see attempt
	if s.preflight() == nil {
		s.warm()
	}
}

func (s *osStore) Get(ctx context.Context, id string) (Secret, error) {
	v, err := s.do(ctx, "get", id, Secret{}, func() (v string, err error) {
		err = s.lookAgain(func() error {
			v, err = s.backend.Get(Service, id)
			return err
		})
		return v, err
	})
	if err != nil {
		return Secret{}, err
	}
	if v == "" {
		// Nothing of ours stores an empty key; handed on, it would beat a
		// good one elsewhere.
		empty := &failure{msg: "the keychain holds an empty one", hint: notFound.hint}
		return Secret{}, empty.at(storeOS, "get", id)
	}
	return NewSecret(v), nil
}

func (s *osStore) Set(ctx context.Context, id string, secret Secret) error {
	if err := checkSecret(secret); err != nil {
		return at(err, storeOS, "set", id)
	}
	_, err := s.do(ctx, "set", id, secret, func() (string, error) {
		return "", s.backend.Set(Service, id, secret.Reveal())
	})
	return err
}

func (s *osStore) Delete(ctx context.Context, id string) error {
	_, err := s.do(ctx, "delete", id, Secret{}, func() (string, error) {
		return "", s.lookAgain(func() error { return s.remove(id) })
	})
	return err
}

// lookAgain does something to a key once more if that vanished under it, which then tells that there is none.
func (s *osStore) lookAgain(do func() error) error {
	err := do()
	for range 2 {
		if err == nil || s.vanished == nil || !s.vanished(err) {
			break
		}
		err = do()
	}
	return err
}

var errStillThere = errors.New("still there")

// remove deletes, and on a thorough platform looks again: go-keyring takes a
// dismissed question for a yes, and another program may have filed a second
// item under the same names. A user who was told that a key is gone relies on it.
func (s *osStore) remove(id string) error {
	err := s.backend.Delete(Service, id)
	if err != nil || !s.thorough {
		return err
	}
	for range 4 {
		if _, err := s.backend.Get(Service, id); errors.Is(err, keyring.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.backend.Delete(Service, id); err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return err
		}
	}
	return errStillThere
}

type outcome struct {
	value string
	err   *Error
}

// do makes one call with a deadline. secret is what the call carries, so that
// it can be kept out of the error.
func (s *osStore) do(ctx context.Context, op, id string, secret Secret, call func() (string, error)) (string, error) {
	if err := checkID(id); err != nil {
		return "", at(err, storeOS, op, id)
	}
	if err := ctx.Err(); err != nil {
		return "", ended(err, 0).at(storeOS, op, id)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(DefaultBudget)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	budget := time.Until(deadline)

	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ended(ctx.Err(), budget).at(storeOS, op, id)
	}
	// Freed also when the call is given up: one question that nobody answers
	// must not close the keychain for the rest of a long-lived process.
	defer func() { <-s.turn }()

	done, lost := make(chan outcome, 1), make(chan error, 1)
	go func() { done <- s.attempt(ctx, op, id, secret, call) }()
	var seen progress
	if s.watch != nil {
		watch, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			if err := s.watch(watch, &seen); err != nil {
				lost <- err
			}
		}()
	}
	select {
	case o := <-done:
		return o.result()
	case err := <-lost:
		return "", at(err, storeOS, op, id)
	case <-ctx.Done():
	}
	select {
	case o := <-done: // both were ready
		return o.result()
	default:
		return "", seen.blame(ended(ctx.Err(), budget)).at(storeOS, op, id)
	}
}

// progress is what is known of a call that takes long.
type progress struct{ atomic.Int32 }

const (
	unknown        = iota
	busAsked       // and it said nothing yet
	serviceAsked   // the bus did, and the service said nothing yet
	serviceAnswers // so it is the user who does not, or some part of it
)

// blame says who it was that did not answer in time, where that is known.
func (p *progress) blame(f *failure) *failure {
	if f.kind != Timeout {
		return f
	}
	within := strings.TrimPrefix(f.msg, "no answer")
	switch p.Load() {
	case busAsked:
		f.msg, f.hint, f.mend = silentBus.msg+within, silentBus.hint, silentBus.mend
	case serviceAsked:
		f.msg, f.hint, f.mend = silentService.msg+within, silentService.hint, silentService.mend
	}
	return f
}

func (o outcome) result() (string, error) {
	if o.err != nil {
		return "", o.err
	}
	return o.value, nil
}

func (s *osStore) attempt(ctx context.Context, op, id string, secret Secret, call func() (string, error)) (o outcome) {
	defer func() {
		// go-keyring panics when the bus goes away during a question, and when a
		// service answers with other types than it should. What was thrown may
		// hold anything, so it is dropped.
		switch thrown := recover().(type) {
		case nil:
		case runtime.Error:
			f := brokeOff
			if !strings.Contains(thrown.Error(), "nil pointer") {
				f = oddAnswer
			}
			o = outcome{err: f.at(storeOS, op, id)}
		default:
			o = outcome{err: brokeOff.at(storeOS, op, id)}
		}
	}()
	if s.preflight != nil {
		if err := s.preflight(); err != nil {
			return outcome{err: at(err, storeOS, op, id)}
		}
	}
	value, err := call()
	if err != nil {
		return outcome{err: at(s.explain(ctx, err, secret), storeOS, op, id)}
	}
	return outcome{value: value}
}

var (
	brokeOff = &failure{
		msg:  "the keychain broke off in the middle of the call",
		hint: "see that the keychain service is running, and try again",
	}
	oddAnswer = &failure{
		msg:  "the keychain service answered with what makes no sense",
		hint: "see whether another program can use it (on Linux `secret-tool lookup service ocgo-key`), and start it anew",
	}
)

// explain turns the library's error into ours.
func (s *osStore) explain(ctx context.Context, err error, secret Secret) error {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return notFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return tooLarge
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return &failure{kind: NoKeychain, msg: "this system has no keychain that ocgo-key knows", hint: "use Linux, macOS or Windows"}
	case errors.Is(err, errStillThere):
		return &failure{kind: Refused, msg: "the keychain still holds it", hint: "allow the deletion when the keychain asks, or delete it there by hand"}
	}
	if s.classify != nil {
		if known := s.classify(ctx, err); known != nil {
			return known
		}
	}
	return &failure{msg: fmt.Sprintf("the keychain failed: %s", clean(err, secret))}
}
