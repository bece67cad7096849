//go:build amd64 || arm64

package main

import (
	"context"
	"fmt"
	"time"
)

// inWorld opens a world with the pool of fill.
func inWorld(ctx context.Context, s *settings, do func(w *world, base snapshot) error) (err error) {
	w, err := openWorld(s)
	defer func() {
		if closed := w.close(); err == nil {
			err = closed
		}
	}()
	if err != nil {
		return err
	}
	if err := w.fill(ctx); err != nil {
		return err
	}
	base, err := w.take()
	if err != nil {
		return err
	}
	return do(w, base)
}

// eachStep injects a fault into the scenario at each of its steps, and reports the progress.
func (w *world) eachStep(ctx context.Context, s *settings, base snapshot, one scenario, r *row, f fault, after func(outcome) error) error {
	began := time.Now()
	t, err := newTrial(ctx, w, base, one)
	if err == nil {
		err = t.everyStep(ctx, s, r, f, after)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.fault, err)
	}
	s.log(fmt.Sprintf("%s: %d times, %d outcomes, %v", r.fault, r.times, len(t.seen), time.Since(began).Round(time.Millisecond)))
	return nil
}

// everyStep injects a fault at each step of the command in turn (at one in s.every), until the
// command ends before the step. That last run is not counted.
func (t *trial) everyStep(ctx context.Context, s *settings, r *row, f fault, after func(outcome) error) error {
	for f.step = 1; ; f.step += s.every {
		if err := t.w.restore(t.begin); err != nil {
			return err
		}
		went, o, err := t.w.runWithFault(ctx, t.command(t.w), f)
		if err != nil {
			return err
		}
		if !went.Reached {
			if o.exit != t.exit {
				return fmt.Errorf("%s without a fault: exit code %d: %s", t.name, o.exit, o.stderr)
			}
			return nil
		}
		r.times++
		err = after(o)
		if err == nil {
			err = t.check(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.outcomes = len(t.seen)
		r.add(fmt.Sprintf("step %d (%s)", f.step, went.Name), err)
	}
}

// killRows kills each command before each of its steps.
func killRows(ctx context.Context, s *settings) (rows []row, err error) {
	err = inWorld(ctx, s, func(w *world, base snapshot) error {
		for _, one := range scenarios() {
			r := row{fault: "kill -9: " + one.name, how: "before each step by which it changes a file, a lock or the keychain"}
			err := w.eachStep(ctx, s, base, one, &r, fault{do: killing}, func(o outcome) error {
				if o.exit != -1 {
					return fmt.Errorf("it was not killed: exit code %d", o.exit)
				}
				return nil
			})
			if err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return nil
	})
	return rows, err
}
