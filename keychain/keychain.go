// Package keychain stores keys: one secret per account id, in a Store.
//
// No other package stores keys, and no other may import go-keyring, age or docker's client of
// credential helpers. The package never falls back from one store to another, never writes
// plaintext, and never puts a key into an error. It knows ids and secrets, but no labels, leases or
// accounts: of this project it imports only atomicfile and text, and package rotation never imports
// it.
package keychain

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Service is the service name under which every key is stored. The user name is the account id, and
// the secret is the bare key, so that the system's own tools can read it: `secret-tool lookup
// service ocgo-key username ID`.
const Service = "ocgo-key"

// MaxSecretSize is the largest secret in bytes that any Store accepts. It is the smallest limit of
// the three systems (CRED_MAX_CREDENTIAL_BLOB_SIZE of Windows, 5*512), so that a key that can be
// stored on one can be stored on all. Source: docs/facts.md, "go-keyring".
const MaxSecretSize = 2560

// maxIDSize keeps id and secret together below the 4096 bytes that macOS' `security -i` reads as
// one command.
const maxIDSize = 255

// A Store stores secrets by account id. Its methods may be called from several goroutines at once,
// and return when ctx ends. Every error they return is an *Error; none of them contains a secret.
//
// All stores refuse the same things: an empty id, an id of more than 255 bytes or with control
// characters in it, a secret that is empty, is not UTF-8, or contains a control character such as a
// line break (all of these errors have Kind Failed), and a secret of more than MaxSecretSize bytes
// (ErrTooLarge). Some keychains would accept such input; others would return it changed, or not at
// all.
type Store interface {
	// Name returns the store's name, as --store takes it: "os", "file", "docker:NAME" or "memory".
	Name() string
	// Get returns the secret of id, or ErrNotFound.
	Get(ctx context.Context, id string) (Secret, error)
	// Set stores s under id and replaces what was there. After an error, above all ErrTimeout, the
	// new secret may or may not be stored.
	Set(ctx context.Context, id string, s Secret) error
	// Delete removes the secret of id, or returns ErrNotFound.
	Delete(ctx context.Context, id string) error
}

// A Warmer is a Store whose first call needs preparation.
type Warmer interface {
	// Warm makes the first call faster. It is optional, may run at the same time as the first call,
	// and leaves errors to that call. Warm may hang as long as the keychain does.
	Warm()
}

// checkID refuses an id that one of the systems does not accept or misreads: D-Bus drops the
// connection on text that is not UTF-8, and macOS' `security -i` ends its command at a line break.
func checkID(id string) error {
	switch {
	case id == "":
		return &Error{Err: errors.New("the account id is empty")}
	case len(id) > maxIDSize:
		return &Error{Err: errors.New("the account id is longer than 255 bytes")}
	case !utf8.ValidString(id):
		return &Error{Err: errors.New("the account id is not valid UTF-8")}
	case strings.ContainsFunc(id, unicode.IsControl):
		return &Error{Err: errors.New("the account id has a control character in it")}
	}
	return nil
}

// checkSecret refuses a secret that one of the systems does not accept or would change.
func checkSecret(s Secret) error {
	key := s.Reveal()
	switch {
	case key == "":
		return &Error{Err: errors.New("the key is empty")}
	case len(key) > MaxSecretSize:
		return errTooLarge
	case !utf8.ValidString(key):
		return &Error{Err: errors.New("the key is not valid UTF-8"), Hint: errTooLarge.Hint}
	case strings.ContainsFunc(key, unicode.IsControl):
		return &Error{Err: errors.New("the key has a line break or another control character in it"), Hint: errTooLarge.Hint}
	}
	return nil
}
