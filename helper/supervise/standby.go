package supervise

import (
	"context"
	"errors"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

const (
	// pollInterval is the time between two checks whether the pool has changed: one stat each.
	pollInterval = time.Second
	// usageInterval is the time between two questions to the service whether an account is back
	// early.
	usageInterval = 10 * time.Minute
	// wakeMargin is how close to its own waking a sleeping OpenCode is left alone.
	wakeMargin = 3 * time.Second
)

// standBy accompanies a client that sleeps until the return it was told. It tells the user when
// that time changes. OpenCode cannot be woken: when an account is back well before, it is started
// again.
func (d *direct) standBy() {
	defer func() {
		d.mu.Lock()
		d.standby = false
		d.mu.Unlock()
	}()
	for {
		e := d.untilChange(func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			return !d.exhausted || d.restarting
		})
		d.mu.Lock()
		switch {
		case !d.exhausted || d.restarting:
			d.mu.Unlock()
			return
		case e == nil && time.Until(d.announcedReturn) <= wakeMargin, e == nil && !d.canRestart():
			d.mu.Unlock()
			return
		case e == nil:
			d.restarting = true
			pid := d.pid
			d.mu.Unlock()
			d.notices.say("an account is back early: OpenCode continues now")
			d.restart(pid)
			return
		}
		d.mu.Unlock()
		d.notices.exhausted(nil, e)
	}
}

// untilChange returns when an account is ready (nil), or when the soonest return is another than
// before. It also returns when over says so.
func (d *direct) untilChange(over func() bool) *rotation.ExhaustedError {
	var known *rotation.ExhaustedError
	stamp, asked := d.pool.Stamp(), time.Now()
	for first := true; ; first = false {
		if now := d.pool.Stamp(); first || now != stamp || known != nil && !time.Now().Before(known.Until) {
			stamp = now
			e := exhaustion(context.Background(), d.pool)
			if e == nil || known != nil && !e.Until.Equal(known.Until) {
				return e
			}
			known = e
		}
		if over() {
			return known
		}
		if d.usage != nil && time.Since(asked) > usageInterval {
			asked = time.Now()
			d.usage.Exhausted(context.Background())
		}
		time.Sleep(pollInterval)
	}
}

// exhaustion is nil when an account is ready.
func exhaustion(ctx context.Context, pool Pool) *rotation.ExhaustedError {
	e, _ := errors.AsType[*rotation.ExhaustedError](pool.Exhaustion(ctx))
	return e
}

// accountsOf is how many accounts the pool has; 0 where it cannot be read.
func accountsOf(ctx context.Context, pool Pool) int {
	o, err := pool.Overview(ctx)
	if err != nil {
		return 0
	}
	return len(o.Accounts)
}

// after decides, once the command has ended, whether it starts again: an `opencode run` that gave
// up on a limit does, as soon as an account is ready.
func (d *direct) after(status wrapper.Status) (next wrapper.Command, again bool) {
	d.mu.Lock()
	gaveUpOnLimit := d.opencode && d.mode != Replay && d.invocation.Kind == opencode.Run && d.exhausted && status.Signal == 0 && status.Code != 0
	can := gaveUpOnLimit && d.canRestart()
	d.mu.Unlock()
	if !can {
		return wrapper.Command{}, false
	}
	accounts := accountsOf(context.Background(), d.pool)
	d.mu.Lock()
	again = d.startsAgain(accounts)
	d.mu.Unlock()
	if !again {
		return wrapper.Command{}, false
	}
	for e := exhaustion(context.Background(), d.pool); e != nil; e = d.untilChange(func() bool { return false }) {
		if e.Until.IsZero() {
			return wrapper.Command{}, false // none comes back by itself: how it ended is the answer
		}
		d.mu.Lock()
		wait := d.worthWaiting(e, d.run.MaxWait)
		d.mu.Unlock()
		if !wait {
			return wrapper.Command{}, false
		}
		d.notices.exhausted(nil, e)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.exhausted = false
	next, err := d.next(nil)
	return next, err == nil
}
