package cli

import (
	"sync"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/supervise"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// session is one `run` while it lasts: it follows what the gateway meets, and decides when the command is invoked
// again and how, so that the work goes on where it was.
type session struct {
	notices
	pool    *rotation.Pool
	usage   gateway.Usage
	mode    string         // --on-429
	maxWait *time.Duration // --max-wait; nil to wait as long as it takes
	command wrapper.Command
	input   *supervise.Input // what the command reads, kept for a second invocation; nil where nothing need be
	orders  chan wrapper.Order

	// What the command is, if it is OpenCode.
	opencode   bool
	invocation opencode.Invocation

	mu         sync.Mutex
	pid        int             // of the command as it runs
	id         string          // OpenCode's session, once a request named it
	answered   bool            // a turn of the conversation was answered in this run
	tried      map[string]bool // accounts that were restarted onto since the last answer
	restarting bool            // an order is under way
	starved    bool            // the last turn found no account, and none was answered since
	hungry     time.Time       // since when no turn was answered for want of an account; zero if one was
	revivals   int             // invocations after a command that gave up, since a turn was answered
	told       time.Time       // the return that the starved client was told, and sleeps until
	waiting    bool            // await runs
	gaveUp     *rotation.ExhaustedError
	resumed    func() // to be done once the next invocation has started
}

func (s *session) observer() gateway.Observer {
	o := s.notices.observer()
	o.Answered, o.Limited, o.Exhausted = s.sawAnswer, s.sawLimit, s.sawExhausted
	return o
}

// started follows each start of the command.
func (s *session) started(pid int) {
	s.mu.Lock()
	s.pid, s.restarting = pid, false
	resumed := s.resumed
	s.resumed = nil
	s.mu.Unlock()
	if resumed != nil {
		go resumed()
	}
}

// see learns OpenCode's session from a request. The caller holds mu.
func (s *session) see(x *gateway.Exchange) {
	switch {
	case x.Session() == "" || s.id == x.Session():
	case !x.Subagent():
		s.id = x.Session()
	case s.id == "":
		s.id = x.Parent()
	}
}

// turn tells a turn of the user's conversation from OpenCode's titles and subagents.
func turn(x *gateway.Exchange) bool {
	return x.Session() == "" || !x.Subagent() && x.HasTools()
}

func (s *session) sawAnswer(x *gateway.Exchange) {
	if s.mode == replay {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.see(x)
	if (!s.answered || s.starved || len(s.tried) > 0 || s.revivals > 0) && turn(x) {
		s.answered, s.starved, s.hungry, s.revivals = true, false, time.Time{}, 0
		clear(s.tried)
	}
}

// sawLimit decides whether the command is invoked again on the next account, in mode restart: at most one pass
// over the pool without an answer. Else the gateway sends the request again.
func (s *session) sawLimit(x *gateway.Exchange, sw rotation.Switch) (hold bool) {
	if s.mode != restart {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.see(x)
	if s.restarting {
		return true // another request of the same command met the limit first
	}
	if s.tried[sw.To.ID] || !s.canRestart() {
		return false
	}
	s.tried[sw.From.ID], s.tried[sw.To.ID] = true, true
	s.restarting = true
	go s.restart(s.pid)
	return true
}

// sawExhausted tells the user, and waits with the client for the soonest account, or ends it.
func (s *session) sawExhausted(x *gateway.Exchange, e *rotation.ExhaustedError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.see(x)
	s.starved, s.told = true, e.Until
	if s.hungry.IsZero() {
		s.hungry = time.Now()
	}
	if s.restarting || s.gaveUp != nil {
		return
	}
	if s.tooLong(e) { // which is said once the command has ended
		s.gaveUp, s.restarting = e, true
		s.order(wrapper.Order{})
		return
	}
	s.exhausted(x, e)
	switch {
	case !s.waiting && s.opencode && s.mode != replay && !e.Until.IsZero():
		s.waiting = true
		go s.await()
	}
}

// tooLong tells whether the soonest account is back later than the user wants to wait. It says so at once: to
// wait in vain helps nobody.
func (s *session) tooLong(e *rotation.ExhaustedError) bool {
	return s.maxWait != nil && (e.Until.IsZero() || e.Until.Sub(s.hungry) > *s.maxWait || time.Since(s.hungry) > *s.maxWait)
}

// order hands an order to the wrapper. There is room: at most one is under way, see restarting.
func (s *session) order(o wrapper.Order) {
	select {
	case s.orders <- o:
	default:
	}
}
