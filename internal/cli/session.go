package cli

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// session is one `run` while it lasts: what the gateway sees is told to the user, or becomes a restart.
type session struct {
	app      *app
	options  *runCmd
	command  wrapper.Command
	silent   bool // the command draws on the whole terminal: nobody else writes there
	restarts chan wrapper.Command

	mu         sync.Mutex
	restarting bool            // the command is being stopped, to be started again
	answered   bool            // something of the user's was answered in this run
	tried      map[string]bool // accounts that were restarted onto since the last answer
	soonest    time.Time       // the return that the user was told of
}

// firstGrant gets the lease and the key before anything is started, so that a keychain that asks for a
// password does so on a terminal that is still the user's. An exhausted pool is no reason not to start: the
// command may have other work, and waits as it does.
func (s *session) firstGrant(holder *helper.Holder) error {
	ctx, cancel := s.app.keychainContext()
	defer cancel()
	_, err := holder.Current(ctx, nil)
	if exhausted := new(rotation.ExhaustedError); errors.As(err, &exhausted) && !exhausted.Until.IsZero() {
		s.exhausted(exhausted)
		return nil
	}
	return err
}

func (s *session) observer() gateway.Observer {
	return gateway.Observer{
		Switched:  func(sw rotation.Switch) { s.say("%s", switchText(sw, time.Now())) },
		Exhausted: s.exhausted,
		Answered: func(x *gateway.Exchange) {
			s.mu.Lock()
			defer s.mu.Unlock()
			clear(s.tried)
			s.answered = s.answered || x.HasTools() || x.Session() == ""
		},
		Limited: s.limited,
		Failed:  func(err error) { s.say("%v", err) },
	}
}

func (s *session) say(format string, args ...any) {
	if !s.silent {
		s.app.say(format, args...)
	}
}

// exhausted tells the user once for each moment of return.
func (s *session) exhausted(e *rotation.ExhaustedError) {
	s.mu.Lock()
	told := s.soonest.Equal(e.Until)
	s.soonest = e.Until
	s.mu.Unlock()
	if !told {
		s.say("%v", e)
	}
}

// started follows each start of the command.
func (s *session) started() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarting = false
}

// limited decides whether the command is invoked again on the next account. Before anything was answered, the
// same command does the same work, and nothing is doubled; at most one pass over the pool.
func (s *session) limited(_ *gateway.Exchange, sw rotation.Switch) (hold bool) {
	if s.options.On429 != "restart" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restarting {
		return true // another request of the same command met the limit first
	}
	if s.answered || s.tried[sw.To.ID] {
		return false
	}
	s.tried[sw.From.ID], s.tried[sw.To.ID] = true, true
	s.restarting = true
	s.restarts <- s.command // there is room: the one before was received, or its command would not have started
	return true
}

// switchText is the line for a switch: "Work hit its weekly limit (back Mon 09:00); now Personal".
func switchText(sw rotation.Switch, now time.Time) string {
	v := sw.Verdict
	what := "hit a rate limit"
	switch {
	case v.Action == rotation.Reject:
		return fmt.Sprintf("%s was refused (%s); now %s", sw.From.Label, v.Reason, sw.To.Label)
	case v.Window != "":
		what = "hit its " + v.Reason
	case v.Model != "":
		what = "hit the " + v.Reason
	case v.Reason != "429":
		what = "is out of use: " + v.Reason
	}
	return fmt.Sprintf("%s %s (back %s); now %s", sw.From.Label, what, clock(v.Until, now), sw.To.Label)
}
