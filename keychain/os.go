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

// NewOS returns the keychain of the operating system: Secret Service on Linux (over D-Bus),
// Keychain on macOS, Credential Manager on Windows.
//
// A call returns when its context ends, or after DefaultBudget if the context has no deadline.
// go-keyring has no deadlines. So on Linux and Windows, a call that timed out continues in the
// background until the keychain answers or the process ends. On macOS, the program that waits for
// the user is killed. A Set that timed out may still take effect. Calls are made one at a time,
// since prompts on one D-Bus connection receive each other's answers.
//
// On Linux the first call may set DBUS_SESSION_BUS_ADDRESS in the environment of this process. Copy
// the environment for child processes before the first call.
func NewOS() Store {
	return newOSStore(systemBackend(), system())
}

// NewOSNotes returns a store in the same keychain, for short texts that are not keys. Only a
// program with access to the keychain can change them.
func NewOSNotes() Store {
	notes := newOSStore(systemBackend(), system())
	notes.service = Service + " notes"
	return notes
}

// A backend is go-keyring, or its replacement on macOS and in tests.
type backend interface {
	Get(ctx context.Context, service, user string) (string, error)
	Set(ctx context.Context, service, user, password string) error
	Delete(ctx context.Context, service, user string) error
}

// A platform has the functions and settings that differ between systems. Each function may be nil.
type platform struct {
	// preflight runs before each call of the backend, and returns an error if the call is not safe.
	preflight func() error
	// classify returns the *Error for a known error of this system, or nil. It may query the
	// system.
	classify func(context.Context, error) error
	// warm connects to the keychain. Set only together with preflight.
	warm func()
	// inspect inspects the keychain without prompting the user.
	inspect func(context.Context) (Inspection, error)
	// watch observes a long call, and records its progress. If the keychain service ends during the
	// call, no answer will come: then watch returns an *Error. It returns nil when ctx ends or the
	// service cannot be observed.
	watch func(context.Context, *progress) error
	// vanished reports whether err means that another process deleted a key during the call.
	vanished func(err error) bool
	// verifyDelete says that the backend may report success although it deleted nothing.
	verifyDelete bool
	// endOfCall is how long a call of the backend may continue after its context has ended. It is
	// zero if calls ignore their context.
	endOfCall time.Duration
}

type osStore struct {
	service string
	backend backend
	platform
	busy chan struct{} // holds one element while a call is in progress
}

func newOSStore(b backend, p platform) *osStore {
	return &osStore{service: Service, backend: b, platform: p, busy: make(chan struct{}, 1)}
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
	c := call{storeOS, "get", id}
	v, err := s.do(ctx, c, Secret{}, func(ctx context.Context) (v string, err error) {
		err = s.retryVanished(func() error {
			v, err = s.backend.Get(ctx, s.service, id)
			return err
		})
		return v, err
	})
	if err != nil {
		return Secret{}, err
	}
	if v == "" {
		// ocgo-key never stores an empty key.
		return Secret{}, c.fail(&Error{Err: errors.New("the key in the keychain is empty"), Hint: errNotFound.Hint})
	}
	return NewSecret(v), nil
}

func (s *osStore) Set(ctx context.Context, id string, secret Secret) error {
	c := call{storeOS, "set", id}
	if err := checkSecret(secret); err != nil {
		return c.fail(err)
	}
	_, err := s.do(ctx, c, secret, func(ctx context.Context) (string, error) {
		return "", s.backend.Set(ctx, s.service, id, secret.Reveal())
	})
	return err
}

func (s *osStore) Delete(ctx context.Context, id string) error {
	_, err := s.do(ctx, call{storeOS, "delete", id}, Secret{}, func(ctx context.Context) (string, error) {
		return "", s.retryVanished(func() error { return s.delete(ctx, id) })
	})
	return err
}

// retryVanished calls do, and calls it again if another process deleted the key during the call.
// The second call then reports that no key is stored.
func (s *osStore) retryVanished(do func() error) error {
	err := do()
	for range 2 {
		if err == nil || s.vanished == nil || !s.vanished(err) {
			break
		}
		err = do()
	}
	return err
}

// delete deletes the key. If verifyDelete is set, it then checks that no key is left: go-keyring
// also reports success if the user dismisses its prompt, and another program may have stored a
// second item under the same names.
func (s *osStore) delete(ctx context.Context, id string) error {
	err := s.backend.Delete(ctx, s.service, id)
	if err != nil || !s.verifyDelete {
		return err
	}
	for range 4 {
		if _, err := s.backend.Get(ctx, s.service, id); errors.Is(err, keyring.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.backend.Delete(ctx, s.service, id); err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return err
		}
	}
	return &Error{Kind: Refused, Err: errors.New("the keychain still has the key"), Hint: "allow the deletion when the keychain asks, or delete the key there by hand"}
}

// do makes one call of the backend, with a deadline. secret is the key that the call stores, if
// any. The error never contains secret.
func (s *osStore) do(ctx context.Context, c call, secret Secret, request func(context.Context) (string, error)) (string, error) {
	if err := c.check(ctx); err != nil {
		return "", err
	}
	ctx, cancel := WithBudget(ctx)
	defer cancel()
	budget := remaining(ctx)
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return "", c.fail(contextEnded(ctx.Err(), budget))
	}
	// A call that timed out releases busy too. Otherwise one unanswered prompt would block the
	// keychain for the rest of a long-lived process.
	defer func() { <-s.busy }()

	done, lost := make(chan outcome, 1), make(chan error, 1)
	go func() {
		value, err := s.attempt(ctx, secret, request)
		done <- outcome{value, c.fail(err), errors.Is(err, errCallEnded)}
	}()
	var reached progress
	if s.watch != nil {
		watch, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			if err := s.watch(watch, &reached); err != nil {
				lost <- err
			}
		}()
	}
	var o outcome
	select {
	case o = <-done:
	case err := <-lost:
		return "", c.fail(err)
	case <-ctx.Done():
		o = lastOutcome(done, s.endOfCall)
	}
	if o.ended {
		return "", c.fail(reached.explain(contextEnded(ctx.Err(), budget)))
	}
	return o.value, o.err
}

// outcome is the result of one call of the backend.
type outcome struct {
	value string
	err   error
	ended bool // the call ended with its context
}

// lastOutcome returns the outcome of a call whose context has ended. The call may have finished at
// the same time. If calls end with their context, lastOutcome waits for the end of the call.
// Otherwise this process could end before it has killed the program that the call started.
func lastOutcome(done <-chan outcome, wait time.Duration) outcome {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case o := <-done:
		return o
	case <-timer.C:
	}
	select {
	case o := <-done: // both were ready
		return o
	default:
		return outcome{ended: true}
	}
}

// errCallEnded is the error of a backend's call that ended because its context ended.
var errCallEnded = &Error{Kind: Timeout}

// progress says what watch has found out about a long call.
type progress struct{ atomic.Int32 }

const (
	unknown         = iota
	busAsked        // the bus has not answered yet
	serviceAsked    // the bus has answered, but not the service
	serviceAnswered // the service has answered; it may be waiting for the user
)

// explain returns ended. If the bus or the service did not answer before a timeout, it returns an
// error that names the bus or the service.
func (p *progress) explain(ended *Error) *Error {
	if ended.Kind != Timeout {
		return ended
	}
	var silent *Error
	switch p.Load() {
	case busAsked:
		silent = errBusSilent
	case serviceAsked:
		silent = errServiceSilent
	default:
		return ended
	}
	within := strings.TrimPrefix(ended.message(), "no answer")
	return &Error{Kind: Timeout, Err: reason{silent.message() + within, ended.Err}, Hint: silent.Hint, Fix: silent.Fix}
}

// attempt makes one call of the backend and explains its error.
func (s *osStore) attempt(ctx context.Context, secret Secret, request func(context.Context) (string, error)) (value string, err error) {
	defer func() {
		// go-keyring panics if the bus disconnects during a prompt, or if a service answers with
		// wrong types. The panic's value is dropped, since it may contain a key.
		switch thrown := recover().(type) {
		case nil:
		case runtime.Error:
			value, err = "", errBrokenCall
			if !strings.Contains(thrown.Error(), "nil pointer") {
				err = errMalformedAnswer
			}
		default:
			value, err = "", errBrokenCall
		}
	}()
	if s.preflight != nil {
		if err := s.preflight(); err != nil {
			return "", err
		}
	}
	value, err = request(ctx)
	if err != nil {
		return "", s.explain(ctx, err, secret)
	}
	return value, nil
}

var (
	errBrokenCall = &Error{
		Err:  errors.New("the keychain failed during the call"),
		Hint: "check that the keychain service is running, and try again",
	}
	errMalformedAnswer = &Error{
		Err:  errors.New("the keychain service sent an invalid answer"),
		Hint: "check whether another program can use the service (on Linux `secret-tool lookup service ocgo-key`), and restart it",
	}
)

// explain turns the backend's error into an *Error.
func (s *osStore) explain(ctx context.Context, err error, secret Secret) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return errNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return errTooLarge
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return &Error{Kind: NoKeychain, Err: errors.New("ocgo-key supports no keychain on this system"), Hint: "use Linux, macOS or Windows"}
	}
	if s.classify != nil {
		if known := s.classify(ctx, err); known != nil {
			return known
		}
	}
	return &Error{Err: fmt.Errorf("the keychain failed: %s", sanitize(err, secret))}
}
