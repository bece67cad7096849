package supervise

import (
	"sync"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/rotation"
)

// Ways to meet a limit, as --on-429 names them. The third is auto: replay, and restart where that
// did not help.
const (
	Replay  = "replay"
	Restart = "restart"
)

// progress is how far the user's conversation has come in a run. It decides what is done at a
// limit: start again, wait, or give up.
type progress struct {
	mu         sync.Mutex      // guards what follows
	session    string          // of the user's conversation, once a request named it
	subagents  map[string]bool // sessions
	answered   bool            // a turn of the conversation was answered in this run
	tried      map[string]bool // accounts that were restarted onto since the last answer
	restarting bool            // the command is about to be started again, or its turns are
	exhausted  bool            // the last turn found no account, and none was answered since
	gaveUp     *rotation.ExhaustedError

	restartsSinceAnswer int       // of a command that gave up on a limit
	exhaustedSince      time.Time // when the first turn found no account; zero once one was answered
}

// gaveUpWith is why the run waits no longer; nil while it does.
func (p *progress) gaveUpWith() *rotation.ExhaustedError {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gaveUp
}

// see learns OpenCode's session from a request. The caller holds mu.
func (p *progress) see(x *gateway.Exchange) {
	switch {
	case x.Session() == "":
	case !x.Subagent():
		p.session = x.Session()
	default:
		if p.subagents == nil {
			p.subagents = map[string]bool{}
		}
		p.subagents[x.Session()] = true
		if p.session == "" {
			p.session = x.Parent()
		}
	}
}

// isTurn reports whether the request is a turn of the user's conversation, and none of OpenCode's
// titles or subagents. Every request of a client that names no session is one.
func isTurn(x *gateway.Exchange) bool {
	return x.Session() == "" || !x.Subagent() && x.HasTools()
}

// sawAnswer takes in that the service has begun to answer a request.
func (p *progress) sawAnswer(x *gateway.Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.see(x)
	if (!p.answered || !p.exhaustedSince.IsZero() || len(p.tried) > 0 || p.restartsSinceAnswer > 0) && isTurn(x) {
		p.answered, p.exhausted, p.exhaustedSince, p.restartsSinceAnswer = true, false, time.Time{}, 0
		clear(p.tried)
	}
}

// sawLimit decides whether the work is begun again on the next account: at most one pass over the
// pool without an answer, and only where can says that it would continue. hold reports whether this
// request waits for its client to go away, begin whether it is the one because of which the restart
// begins.
func (p *progress) sawLimit(x *gateway.Exchange, sw rotation.Switch, can func() bool) (hold, begin bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.see(x)
	if p.restarting {
		return true, false // another request of the same turn met the limit first
	}
	if p.tried[sw.To.ID] || !can() {
		return false, false
	}
	if p.tried == nil {
		p.tried = map[string]bool{}
	}
	p.tried[sw.From.ID], p.tried[sw.To.ID] = true, true
	p.restarting = true
	return true, true
}

// decision is what is done where a request found no account.
type decision int

const (
	nothing decision = iota // it is being done already
	waiting                 // tell the user, and wait
	ending                  // end the command: the wait would be too long. The user is told once it has ended
)

// sawExhausted takes in that a request found no account, and decides what is done. The caller holds
// mu.
func (p *progress) sawExhausted(x *gateway.Exchange, e *rotation.ExhaustedError, maxWait *time.Duration) decision {
	p.see(x)
	p.exhausted = true
	p.startWaiting()
	switch {
	case p.restarting || p.gaveUp != nil:
		return nothing
	case p.tooLong(e, maxWait):
		p.gaveUp, p.restarting = e, true
		return ending
	}
	return waiting
}

// startWaiting keeps the time of the first turn that found no account. The caller holds mu.
func (p *progress) startWaiting() {
	if p.exhaustedSince.IsZero() {
		p.exhaustedSince = time.Now()
	}
}

// startsAgain counts a command that gave up on a limit, and reports whether it is started again:
// once for each account without an answer in between. The caller holds mu.
func (p *progress) startsAgain(accounts int) bool {
	p.restartsSinceAnswer++
	return p.restartsSinceAnswer <= accounts
}

// worthWaiting reports whether a command that gave up is started again although no account is ready
// now. It is not where none comes back by itself: then how it ended is the answer. Where one comes
// back too late, the run gives up. The caller holds mu.
func (p *progress) worthWaiting(e *rotation.ExhaustedError, maxWait *time.Duration) bool {
	p.startWaiting()
	if p.tooLong(e, maxWait) {
		p.gaveUp = e
	}
	return p.gaveUp == nil && !e.Until.IsZero()
}

// tooLong reports whether the soonest account is back later than the user wants to wait; nil is as
// long as it takes. It says so at once: to wait in vain helps nobody. The caller holds mu.
func (p *progress) tooLong(e *rotation.ExhaustedError, maxWait *time.Duration) bool {
	return maxWait != nil && (e.Until.IsZero() || e.Until.Sub(p.exhaustedSince) > *maxWait || time.Since(p.exhaustedSince) > *maxWait)
}
