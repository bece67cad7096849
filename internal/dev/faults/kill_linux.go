//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// inWorld makes rows in a new world with the pool of fill.
func inWorld(ctx context.Context, s settings, rows func(context.Context, *world) ([]row, error)) (made []row, err error) {
	w, err := openWorld(s)
	defer func() { err = errors.Join(err, w.Close()) }()
	if err != nil {
		return nil, err
	}
	if err := w.fill(ctx); err != nil {
		return nil, err
	}
	if w.base, err = w.take(); err != nil {
		return nil, err
	}
	return rows(ctx, w)
}

// stepRows makes a row for each scenario. It injects the fault at each step of the scenario, and
// calls after to check the outcome.
func (w *world) stepRows(ctx context.Context, all []scenario, name, how string, f fault, after func(scenario, outcome) error) ([]row, error) {
	var rows []row
	for _, one := range all {
		began := time.Now()
		r := row{fault: name + ": " + one.name, how: how}
		t, err := newTrial(ctx, w, one)
		if err == nil {
			err = t.everyStep(ctx, &r, f, after)
		}
		if err != nil {
			return rows, fmt.Errorf("%s: %w", r.fault, err)
		}
		w.log("%s: %d times, %d outcomes, %v", r.fault, r.times, len(t.seen), time.Since(began).Round(time.Millisecond))
		rows = append(rows, r)
	}
	return rows, nil
}

// everyStep injects a fault at each step of the command in turn, or at every w.every-th step. It
// stops when the command ends before the step; that last run is not counted.
func (t *trial) everyStep(ctx context.Context, r *row, f fault, after func(scenario, outcome) error) error {
	for f.step = 1; ; f.step += t.w.every {
		if err := t.w.restore(t.begin); err != nil {
			return err
		}
		step, o, err := t.w.runWithFault(ctx, t.command(t.w), f)
		if err != nil {
			return err
		}
		if step == "" {
			if o.exit != t.exit {
				return fmt.Errorf("%s without a fault: exit code %d: %s", t.name, o.exit, o.stderr)
			}
			return nil
		}
		r.times++
		err = after(t.scenario, o)
		if err == nil {
			err = t.check(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.outcomes = len(t.seen)
		r.add(fmt.Sprintf("step %d (%s)", f.step, step), err)
	}
}

// killRows kills each command before each of its steps.
func killRows(ctx context.Context, w *world) ([]row, error) {
	return w.stepRows(ctx, scenarios(), "kill -9", "before each step by which it changes a file, a lock or the keychain", fault{do: killing},
		func(_ scenario, o outcome) error {
			if o.exit != -1 {
				return fmt.Errorf("the command was not killed: exit code %d", o.exit)
			}
			return nil
		})
}
