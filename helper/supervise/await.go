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
	// lookAgain is the time between two looks at whether the pool has changed: one stat each.
	lookAgain = time.Second
	// askAgain is the time between two questions to the service whether an account is back early.
	askAgain = 10 * time.Minute
	// wakesSoon is how near its own waking a sleeping OpenCode is left to it.
	wakesSoon = 3 * time.Second
)

// await stands by a client that sleeps until the return it was told: it tells the user when that moment changes,
// and when an account is back well before it, OpenCode, which cannot be woken, is invoked again.
func (d *direct) await() {
	defer func() {
		d.mu.Lock()
		d.awaits = false
		d.mu.Unlock()
	}()
	for {
		e := d.untilChange(func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			return !d.unserved || d.restarting
		})
		d.mu.Lock()
		switch {
		case !d.unserved || d.restarting:
			d.mu.Unlock()
			return
		case e == nil && time.Until(d.returns) <= wakesSoon, e == nil && !d.canRestart():
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

// untilChange returns when an account is ready (nil), or when the soonest return is another than before. It
// also returns when over says so.
func (d *direct) untilChange(over func() bool) *rotation.ExhaustedError {
	var known *rotation.ExhaustedError
	stamp, asked := d.pool.Stamp(), time.Now()
	for first := true; ; first = false {
		if now := d.pool.Stamp(); first || now != stamp || known != nil && !time.Now().Before(known.Until) {
			stamp = now
			e := d.exhaustion()
			if e == nil || known != nil && !e.Until.Equal(known.Until) {
				return e
			}
			known = e
		}
		if over() {
			return known
		}
		if d.usage != nil && time.Since(asked) > askAgain {
			asked = time.Now()
			d.usage.Exhausted(context.Background())
		}
		time.Sleep(lookAgain)
	}
}

// exhaustion is nil when an account is ready.
func (d *direct) exhaustion() *rotation.ExhaustedError {
	err := d.pool.Exhaustion(context.Background())
	if e, ok := errors.AsType[*rotation.ExhaustedError](err); ok {
		return e
	}
	return nil
}

// passes is how often a command that gave up is invoked again without a turn answered in between: once for each
// account.
func (d *direct) passes() int {
	o, err := d.pool.Overview(context.Background())
	if err != nil {
		return 0
	}
	return len(o.Accounts)
}

// after decides, once the command has ended, whether it is invoked again: an `opencode run` that gave up on a
// limit is, when an account is ready or becomes so.
func (d *direct) after(status wrapper.Status) (next wrapper.Command, again bool) {
	d.mu.Lock()
	gaveUpOnLimit := d.opencode && d.mode != Replay && d.invocation.Kind == opencode.Run && d.unserved && status.Signal == 0 && status.Code != 0
	can := gaveUpOnLimit && d.canRestart()
	d.restarts++
	restarts := d.restarts
	d.mu.Unlock()
	if !can || restarts > d.passes() {
		return wrapper.Command{}, false
	}
	for e := d.exhaustion(); e != nil; e = d.untilChange(func() bool { return false }) {
		if e.Until.IsZero() {
			return wrapper.Command{}, false // none comes back by itself: how it ended is the answer
		}
		if d.tooLong(e, d.run.MaxWait) {
			d.gaveUp = e
			return wrapper.Command{}, false
		}
		d.notices.exhausted(nil, e)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unserved = false
	next, err := d.next(nil)
	return next, err == nil
}
