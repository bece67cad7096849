package cli

import (
	"errors"
	"fmt"
	"io"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
)

// maxTries is how often a user is asked for one key.
const maxTries = 3

// withKey reads a key and passes it to use. On a terminal it asks again after a mistake.
func (a *app) withKey(prompt string, use func(keychain.Secret) error) error {
	for try := 1; ; try++ {
		key, err := a.readKey(prompt)
		if err == nil {
			err = use(key)
		}
		if !accounts.Mistyped(err) || try == maxTries || !term.IsTerminal(a.stdin) {
			return err
		}
		_, next := explain(err)
		a.Complain(err, next)
	}
}

// readKey asks for a key on the terminal without echo, or reads it from a pipe.
func (a *app) readKey(prompt string) (keychain.Secret, error) {
	raw, err := a.readRaw(prompt)
	if err != nil {
		return keychain.Secret{}, err
	}
	key, err := keychain.ParseTypedKey(raw)
	return key, hint.On(err, "paste the key alone, as the console shows it")
}

func (a *app) readRaw(prompt string) (string, error) {
	if term.IsTerminal(a.stdin) {
		raw, err := term.ReadPassword(text.Line(prompt))
		defer clear(raw) // the string below is a copy
		if errors.Is(err, io.EOF) {
			return "", hint.Refuse("no key was given")
		}
		return string(raw), err
	}
	// The limit is above the maximum size of a key, so that ParseKey can report a key that is too
	// large.
	raw, err := io.ReadAll(io.LimitReader(a.stdin, 4*keychain.MaxSecretSize))
	defer clear(raw)
	if err != nil {
		return "", fmt.Errorf("cannot read the key from stdin: %w", err)
	}
	return string(raw), nil
}
