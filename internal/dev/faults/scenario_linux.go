//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"ocgo-key/rotation/state"
)

// scenario is a command into which faults are injected, with the conditions that must hold in every
// case.
type scenario struct {
	name    string
	prepare func(context.Context, *world) error // prepares the world after fill; nil for nothing
	command func(*world) command
	kept    []string // keys that must always exist, in a store or in the file to import
	exit    int      // the exit code without a fault
	again   []int    // other exit codes that are allowed when it is run again
	done    func(inventory) error
}

// scenarios lists every command that writes. The function is long because it is one table.
func scenarios() []scenario {
	old := []string{keyOf("Work"), keyOf("Personal"), keyOf("Spare")}
	fixed := func(args ...string) func(*world) command {
		return func(*world) command { return command{args: args} }
	}
	return []scenario{
		{
			name: "add", kept: old, again: []int{9},
			command: func(*world) command { return adding("New") },
			done:    func(s inventory) error { return s.has(append(slices.Clone(old), keyOf("New"))...) },
		},
		{
			name: "replace", kept: []string{keyOf("Work"), keyOf("Spare")},
			command: func(*world) command {
				return command{[]string{"replace", "Personal", "--no-verify"}, keyOf("Other") + "\n"}
			},
			done: func(s inventory) error { return s.has(keyOf("Work"), keyOf("Other"), keyOf("Spare")) },
		},
		{
			name: "remove", kept: []string{keyOf("Work"), keyOf("Spare")}, again: []int{3},
			command: fixed("remove", "Personal", "--yes"),
			done:    func(s inventory) error { return s.has(keyOf("Work"), keyOf("Spare")) },
		},
		{
			name: "rename", kept: old, again: []int{3},
			command: fixed("rename", "Personal", "Mine"),
			done:    func(s inventory) error { return errors.Join(s.has(old...), s.labelled("Mine")) },
		},
		{
			name: "disable", kept: old, command: fixed("disable", "Personal"),
			done: func(s inventory) error {
				if !s.state.Accounts[1].Disabled {
					return errors.New("the account is not disabled")
				}
				return s.has(old...)
			},
		},
		{
			name: "import --scrub", kept: append(slices.Clone(old), keyOf("In1"), keyOf("In2")),
			prepare: func(_ context.Context, w *world) error {
				return os.WriteFile(w.path("keys.txt"), []byte("One "+keyOf("In1")+"\nTwo "+keyOf("In2")+"\nAgain "+keyOf("Work")+"\n"), 0o600)
			},
			again: []int{1}, // the file was scrubbed already, so that no key was found
			command: func(w *world) command {
				return command{args: []string{"import", "--from", w.path("keys.txt"), "--scrub", "--no-verify", "--yes"}}
			},
			done: func(s inventory) error {
				if strings.Contains(s.plain, "sk-faults") {
					return errors.New("the source still holds a key")
				}
				return s.has(append(slices.Clone(old), keyOf("In1"), keyOf("In2"))...)
			},
		},
		{
			name: "migrate to the file", kept: old, prepare: identity,
			command: func(w *world) command {
				return command{args: []string{"migrate", "--to", "file", "--identity", w.path(identityName), "--yes"}}
			},
			done: func(s inventory) error { return errors.Join(s.has(old...), s.in("file")) },
		},
		{
			name: "migrate to the keychain", kept: old,
			prepare: func(ctx context.Context, w *world) error {
				return errors.Join(identity(ctx, w), w.must(ctx, command{args: []string{"migrate", "--to", "file", "--identity", w.path(identityName), "--yes"}}))
			},
			command: fixed("migrate", "--to", "os", "--yes"),
			done:    func(s inventory) error { return errors.Join(s.has(old...), s.in("os")) },
		},
		{
			name: "rotate", kept: old, command: fixed("rotate"),
			done: func(s inventory) error { return s.has(old...) },
		},
		{
			name: "get (a lease)", kept: old,
			command: func(*world) command { return command{args: []string{"get", "--pid", fmt.Sprint(os.Getpid())}} },
			done: func(s inventory) error {
				if len(s.state.Leases) != 1 {
					return fmt.Errorf("there are %d leases", len(s.state.Leases))
				}
				return s.has(old...)
			},
		},
		{
			name: "config", kept: old, command: fixed("config", "strategy", "most-left"),
			done: func(s inventory) error {
				if s.state.Settings.Strategy != "most-left" {
					return errors.New("the strategy was not set")
				}
				return s.has(old...)
			},
		},
		{
			name: "doctor --repair", kept: append(slices.Clone(old), keyOf("Lost")), exit: 1, // there is no service
			prepare: func(ctx context.Context, w *world) error {
				now, err := w.take()
				if err != nil {
					return err
				}
				now.keys["0123456789abcdef"] = keyOf("Lost")
				if err := w.ring.become(now.keys); err != nil {
					return err
				}
				return w.state().Update(ctx, func(s *state.State) error {
					since := time.Now().Add(-time.Hour)
					s.Pending = append(s.Pending, state.Pending{ID: "0123456789abcdef", Op: "add", Since: since},
						state.Pending{ID: s.Accounts[0].ID, Op: "replace", Since: since})
					return nil
				})
			},
			command: fixed("doctor", "--repair"),
			done:    func(s inventory) error { return s.has(append(slices.Clone(old), keyOf("Lost"))...) },
		},
	}
}

// scratchIdentity is the identity of the encrypted files in these worlds.
const scratchIdentity = "AGE-SECRET-KEY-1YN4PV50N0DLNY6Q06Q5F3RKQTZPRDCW9RTFJ2TJ5SXCRJ6Y8HD0S7T0NUT"

// identity creates the file of an age identity.
func identity(_ context.Context, w *world) error {
	return os.WriteFile(w.path(identityName), []byte(scratchIdentity+"\n"), 0o600)
}

// has returns an error if the accounts do not have exactly these keys.
func (s inventory) has(keys ...string) error {
	var there []string
	for _, a := range s.state.Accounts {
		there = append(there, s.chosen()[a.ID])
	}
	slices.Sort(there)
	wanted := slices.Sorted(slices.Values(keys))
	if !slices.Equal(there, wanted) {
		return fmt.Errorf("the accounts have the keys %v, and not %v", there, wanted)
	}
	return nil
}

func (s inventory) labelled(label string) error {
	if slices.ContainsFunc(s.state.Accounts, func(a state.Account) bool { return a.Label == label }) {
		return nil
	}
	return fmt.Errorf("no account is called %s", label)
}

func (s inventory) in(store string) error {
	if now := s.state.Settings.Store; now != store {
		return fmt.Errorf("the keys are in %q", now)
	}
	return nil
}

// trial is a scenario in a world, which can be repeated.
type trial struct {
	scenario
	w     *world
	begin snapshot
	seen  map[string]bool // the outcomes that were repaired in both orders
}

// newTrial prepares the world for the scenario.
func newTrial(ctx context.Context, w *world, s scenario) (*trial, error) {
	if err := w.restore(w.base); err != nil {
		return nil, err
	}
	if s.prepare != nil {
		if err := s.prepare(ctx, w); err != nil {
			return nil, err
		}
	}
	begin, err := w.take()
	return &trial{scenario: s, w: w, begin: begin, seen: map[string]bool{}}, err
}

// check examines the state after a fault: nothing may be lost, and doctor must report interrupted
// operations. A new outcome is repaired in both orders: first by the command or first by doctor.
func (t *trial) check(ctx context.Context) error {
	s, err := t.w.look(ctx)
	if err != nil {
		return err
	}
	if err := problem(s.violations(t.kept)); err != nil {
		return err
	}
	if t.seen[s.fingerprint()] {
		return nil
	}
	t.seen[s.fingerprint()] = true
	if err := t.w.age(ctx); err != nil {
		return err
	}
	left, err := t.w.take()
	if err != nil {
		return err
	}
	problems, err := t.w.doctor(ctx, false)
	switch {
	case err != nil:
		return err
	case s.unfinished() && len(problems) == 0:
		return errors.New("doctor reports nothing, though an operation was interrupted")
	case !s.unfinished() && len(problems) > 0:
		return fmt.Errorf("doctor reports a problem that does not exist: %v", problems)
	}
	if err := t.repair(ctx, false); err != nil {
		return fmt.Errorf("the same command again, then doctor: %w", err)
	}
	if err := t.w.restore(left); err != nil {
		return err
	}
	if err := t.repair(ctx, true); err != nil {
		return fmt.Errorf("doctor, then the same command again: %w", err)
	}
	return nil
}

// repair runs the command again, before or after doctor's repairs. After that everything must be
// correct.
func (t *trial) repair(ctx context.Context, doctorFirst bool) error {
	if doctorFirst {
		if _, err := t.w.doctor(ctx, true); err != nil {
			return err
		}
	}
	c := t.command(t.w)
	o, err := t.w.run(ctx, c)
	if err != nil {
		return err
	}
	if o.exit != t.exit && !slices.Contains(t.again, o.exit) {
		return fmt.Errorf("%v: exit code %d: %s", c, o.exit, o.stderr)
	}
	if err := t.w.age(ctx); err != nil {
		return err
	}
	s, err := t.w.repaired(ctx, t.kept)
	if err != nil {
		return err
	}
	return t.done(s)
}
