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
	// pollInterval is how often the pool is checked for changes. A check costs one stat.
	pollInterval = time.Second
	// usageInterval is how often the usage of the accounts is requested. It may show that an
	// account is ready early.
	usageInterval = 10 * time.Minute
	// wakeMargin is the last part of a client's sleep, in which the client is not restarted.
	wakeMargin = 3 * time.Second
)

// startStandBy starts standBy for a client that sleeps until an account is ready. The caller holds
// mu.
func (d *direct) startStandBy(e *rotation.ExhaustedError) {
	if !d.standby && d.client.is && d.mode != Replay && !e.Until.IsZero() {
		d.standby = true
		go d.standBy()
	}
}

// standBy watches the pool while the client sleeps until an account is ready. It informs the user
// when that time changes. A sleeping OpenCode cannot be woken, so standBy restarts it when an
// account is ready well before the announced time.
func (d *direct) standBy() {
	defer func() {
		d.mu.Lock()
		d.standby = false
		d.mu.Unlock()
	}()
	awake := func() bool { return !d.exhausted || d.restarting }
	for {
		e := d.untilChange(func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			return awake()
		})
		d.mu.Lock()
		end := awake() || e == nil && (time.Until(d.announcedReturn) <= wakeMargin || !d.canRestart())
		early := e == nil && !end
		d.restarting = d.restarting || early
		d.mu.Unlock()
		switch {
		case end:
			return
		case early:
			d.notices.say("an account is back early: OpenCode continues now")
			d.restart()
			return
		}
		d.notices.exhausted(nil, e)
	}
}

// untilChange waits until an account is ready, and returns nil. It returns the new state of the
// pool earlier if the time of the first return changes. It returns the known state earlier if over
// returns true.
func (d *direct) untilChange(over func() bool) *rotation.ExhaustedError {
	var known *rotation.ExhaustedError
	stamp, asked := d.pool.Stamp(), time.Now()
	for first := true; ; first = false {
		if now := d.pool.Stamp(); first || now != stamp || known != nil && !time.Now().Before(known.Until) {
			stamp = now
			e := d.exhaustion(context.Background(), d.pool)
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

// exhaustion returns nil if an account is ready that the run may use.
func (p *progress) exhaustion(ctx context.Context, pool Pool) *rotation.ExhaustedError {
	e, _ := errors.AsType[*rotation.ExhaustedError](pool.Exhaustion(ctx, rotation.Ask{Choice: p.choice}))
	return e
}

// accountsOf returns the number of accounts in the pool; 0 if the pool cannot be read.
func accountsOf(ctx context.Context, pool Pool) int {
	o, _ := pool.Overview(ctx) // on an error the result is 0
	return len(o.Accounts)
}

// after decides whether a command that has ended is restarted. An `opencode run` that ended at a
// limit is restarted as soon as an account is ready.
func (d *direct) after(status wrapper.Status) (next wrapper.Command, again bool) {
	ctx := context.Background()
	d.mu.Lock()
	again = d.exhausted && d.mode != Replay && d.client.one.Kind == opencode.Run && status.Signal == 0 && status.Code != 0 &&
		d.canRestart() && d.startsAgain(accountsOf(ctx, d.pool))
	d.mu.Unlock()
	var e *rotation.ExhaustedError
	if again {
		e = d.exhaustion(ctx, d.pool)
	}
	for again && e != nil {
		d.mu.Lock()
		again = !e.Until.IsZero() && d.worthWaiting(e) // if no account is cooling, the run ends with the command's own status
		d.mu.Unlock()
		if again {
			d.notices.exhausted(nil, e)
			e = d.untilChange(func() bool { return false })
		}
	}
	if !again {
		return wrapper.Command{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.exhausted = false
	next, err := d.next(nil)
	return next, err == nil
}
