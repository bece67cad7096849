//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// keychainRows makes two rows: the keychain dies or locks before each step of the commands that use
// it.
func keychainRows(ctx context.Context, w *world) ([]row, error) {
	users := slices.DeleteFunc(scenarios(), func(s scenario) bool {
		return !slices.Contains([]string{"add", "replace", "remove", "get (a lease)"}, s.name)
	})
	after := func(s scenario, o outcome) error { return errors.Join(answered(o), onlyKey(s, o), w.recover()) }
	dies, err := w.stepRows(ctx, users, "keychain dies", "kill -9 of gnome-keyring before each step; afterwards it is restarted and unlocked",
		fault{do: waiting, meet: w.killKeyring}, after)
	if err != nil {
		return nil, err
	}
	locks, err := w.stepRows(ctx, users, "keychain locks", "the keyring is locked before each step, and nobody unlocks it; afterwards it is unlocked",
		fault{do: waiting, meet: w.Keyring.Lock}, after)
	return append(dies, locks...), err
}

// onlyKey checks that get prints a key and a newline, or nothing.
func onlyKey(t scenario, o outcome) error {
	if !strings.HasPrefix(t.name, "get") {
		return nil
	}
	if o.exit == 0 && slices.Contains(t.kept, strings.TrimSuffix(o.stdout, "\n")) || o.exit != 0 && o.stdout == "" {
		return nil
	}
	return fmt.Errorf("exit code %d, and %d bytes on stdout", o.exit, len(o.stdout))
}

// recover restarts or unlocks the keyring.
func (w *world) recover() error {
	if w.ring != nil {
		if err := w.killKeyring(); err != nil {
			return err
		}
	}
	return w.reviveKeyring()
}
