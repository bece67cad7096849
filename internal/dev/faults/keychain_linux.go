//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// keychainRows makes the keychain die, or lock, before each step of the commands that use it.
func keychainRows(ctx context.Context, s *settings) (rows []row, err error) {
	err = inWorld(ctx, s, func(w *world, base snapshot) error {
		for _, kind := range []struct {
			fault, how string
			meet       func() error
		}{
			{"keychain dies", "kill -9 of gnome-keyring before each step; it is started anew and unlocked afterwards", w.killKeyring},
			{"keychain locks", "the keyring is locked before each step, and nobody unlocks it; afterwards it is unlocked", w.daemon.Lock},
		} {
			for _, one := range scenarios() {
				if !slices.Contains([]string{"add", "replace", "remove", "get (a lease)"}, one.name) {
					continue
				}
				r := row{fault: kind.fault + ": " + one.name, how: kind.how}
				err := w.eachStep(ctx, s, base, one, &r, fault{do: waiting, meet: kind.meet}, func(o outcome) error {
					return errors.Join(answered(o), onlyKey(one, o), w.recover())
				})
				if err != nil {
					return err
				}
				rows = append(rows, r)
			}
		}
		return nil
	})
	return rows, err
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
