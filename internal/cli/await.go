package cli

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
func (s *session) await() {
	defer func() {
		s.mu.Lock()
		s.waiting = false
		s.mu.Unlock()
	}()
	for {
		e := s.untilChange(func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return !s.starved || s.restarting
		})
		s.mu.Lock()
		switch {
		case !s.starved || s.restarting:
			s.mu.Unlock()
			return
		case e == nil && time.Until(s.told) <= wakesSoon, e == nil && !s.canRestart():
			s.mu.Unlock()
			return
		case e == nil:
			s.restarting = true
			pid := s.pid
			s.mu.Unlock()
			s.say("an account is back early: OpenCode goes on now")
			s.restart(pid)
			return
		}
		s.mu.Unlock()
		s.exhausted(nil, e)
	}
}

// untilChange returns when an account is ready (nil), or when the soonest return is another than before. It
// also returns when over says so.
func (s *session) untilChange(over func() bool) *rotation.ExhaustedError {
	var known *rotation.ExhaustedError
	stamp, asked := s.pool.Stamp(), time.Now()
	for first := true; ; first = false {
		if now := s.pool.Stamp(); first || now != stamp || known != nil && !time.Now().Before(known.Until) {
			stamp = now
			e := s.exhaustion()
			if e == nil || known != nil && !e.Until.Equal(known.Until) {
				return e
			}
			known = e
		}
		if over() {
			return known
		}
		if s.usage != nil && time.Since(asked) > askAgain {
			asked = time.Now()
			s.usage.Exhausted(context.Background())
		}
		time.Sleep(lookAgain)
	}
}

// exhaustion is nil when an account is ready.
func (s *session) exhaustion() *rotation.ExhaustedError {
	err := s.pool.Exhaustion(context.Background())
	if e := new(rotation.ExhaustedError); errors.As(err, &e) {
		return e
	}
	return nil
}

// passes is how often a command that gave up is invoked again without a turn answered in between: once for each
// account.
func (s *session) passes() int {
	o, err := s.pool.Overview(context.Background())
	if err != nil {
		return 0
	}
	return len(o.Accounts)
}

// after decides, once the command has ended, whether it is invoked again: an `opencode run` that gave up on a
// limit is, when an account is ready or becomes so.
func (s *session) after(status wrapper.Status) (next wrapper.Command, again bool) {
	s.mu.Lock()
	gaveUpOnLimit := s.opencode && s.mode != replay && s.invocation.Kind == opencode.Run && s.starved && status.Signal == 0 && status.Code != 0
	can := gaveUpOnLimit && s.canRestart()
	s.revivals++
	revivals := s.revivals
	s.mu.Unlock()
	if !can || revivals > s.passes() {
		return wrapper.Command{}, false
	}
	for e := s.exhaustion(); e != nil; e = s.untilChange(func() bool { return false }) {
		if e.Until.IsZero() {
			return wrapper.Command{}, false // none comes back by itself: how it ended is the answer
		}
		if s.tooLong(e) {
			s.gaveUp = e
			return wrapper.Command{}, false
		}
		s.exhausted(nil, e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starved = false
	next, err := s.next(nil)
	return next, err == nil
}
