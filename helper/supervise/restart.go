package supervise

import (
	"sync"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/rotation"
)

// Values of --on-429. Any other value means auto: replay, and then restart if replay did not help.
const (
	Replay  = "replay"
	Restart = "restart"
)

// progress is the state of the user's conversation in a run. It decides what happens at a limit:
// restart, wait, or give up.
//
// direct.canRestart and OpenCode2.canRestart report whether a restart would continue the work.
type progress struct {
	mode    string             // Replay, Restart, or any other value for auto
	choice  rotation.Choice    // the account that the user has chosen for the run
	maxWait *time.Duration     // how long to wait for an account; nil for as long as it takes
	orders  chan wrapper.Order // has room for one order
	input   *Input             // the command's stdin, if it is kept for a second invocation; otherwise nil

	mu         sync.Mutex      // guards the fields below
	session    string          // the id of the user's conversation; empty until a request has named it
	subagents  map[string]bool // the sessions of subagents
	answered   bool            // a turn of the conversation was answered in this run
	tried      map[string]bool // the accounts of all restarts since the last answer
	restarting bool            // a restart, or the end of the command, is pending
	exhausted  bool            // the last turn found no account, and no turn was answered since
	gaveUp     *rotation.ExhaustedError

	restartsSinceAnswer int       // how often a limit has ended the command
	exhaustedSince      time.Time // when a turn first found no account ready; zero after an answered turn
	announcedReturn     time.Time // when an account will be ready, as announced to the client
}

// observer returns o, which informs the user, with the callbacks of progress added. can reports
// whether a restart would continue the work. waits is called when a request waits for an account.
// Both are called with mu held. restart restarts the command.
func (p *progress) observer(o gateway.Observer, can func() bool, restart func(), waits func(*rotation.ExhaustedError)) gateway.Observer {
	tell := o.Exhausted
	o.Answered = p.sawAnswer
	o.Limited = func(x *gateway.Exchange, sw rotation.Switch) (hold bool) {
		hold, begin := p.sawLimit(x, sw, can)
		if begin {
			go restart()
		}
		return hold
	}
	o.Exhausted = func(x *gateway.Exchange, e *rotation.ExhaustedError) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.announcedReturn = e.Until
		switch p.sawExhausted(x, e) {
		case ending:
			p.order(wrapper.Order{})
		case waiting:
			tell(x, e)
			waits(e)
		}
	}
	return o
}

// order sends an order to the wrapper, unless another one is pending.
func (p *progress) order(o wrapper.Order) {
	select {
	case p.orders <- o:
	default:
	}
}

// gaveUpError returns the error of a run that gave up because no account is ready in time, or nil.
func (p *progress) gaveUpError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gaveUp == nil {
		return nil
	}
	return hint.On(p.gaveUp, "none is back within --max-wait; `ocgo-key list` shows each account")
}

// recordSession records the session of a request. The caller holds mu.
func (p *progress) recordSession(x *gateway.Exchange) {
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

// isTurn reports whether the request is a turn of the user's conversation. Requests for a title and
// requests of subagents are not. If a client sends no session, each request counts as a turn.
func isTurn(x *gateway.Exchange) bool {
	return x.Session() == "" || !x.Subagent() && x.HasTools()
}

// sawAnswer records that the service has begun to answer a request.
func (p *progress) sawAnswer(x *gateway.Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recordSession(x)
	if p.mode == Replay {
		return
	}
	if (!p.answered || !p.exhaustedSince.IsZero() || len(p.tried) > 0 || p.restartsSinceAnswer > 0) && isTurn(x) {
		p.answered, p.exhausted, p.exhaustedSince, p.restartsSinceAnswer = true, false, time.Time{}, 0
		clear(p.tried)
	}
}

// sawLimit decides, in mode Restart, whether the command is restarted on the next account. It is
// restarted only if can returns true, and at most once for each account between two answered turns.
// If hold is true, this request must wait until its client disconnects. If begin is true, the
// caller must begin the restart.
func (p *progress) sawLimit(x *gateway.Exchange, sw rotation.Switch, can func() bool) (hold, begin bool) {
	if p.mode != Restart {
		return false, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recordSession(x)
	if p.restarting {
		return true, false // another request of the same turn has begun the restart
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

// decision is what to do when a request found no account.
type decision int

const (
	nothing decision = iota // a restart or the end of the command is already pending
	waiting                 // tell the user, and wait
	ending                  // end the command, because the wait would be too long; the user is informed afterwards
)

// sawExhausted records that a request found no account, and decides what to do. The caller holds
// mu.
func (p *progress) sawExhausted(x *gateway.Exchange, e *rotation.ExhaustedError) decision {
	p.recordSession(x)
	p.exhausted = true
	tooLong := p.tooLong(e)
	switch {
	case p.restarting || p.gaveUp != nil:
		return nothing
	case tooLong:
		p.gaveUp, p.restarting = e, true
		return ending
	}
	return waiting
}

// startsAgain is called when a limit has ended the command. It reports whether the command is
// restarted: at most once for each account between two answered turns. The caller holds mu.
func (p *progress) startsAgain(accounts int) bool {
	p.restartsSinceAnswer++
	return p.restartsSinceAnswer <= accounts
}

// worthWaiting reports whether a command that ended because of a limit is restarted although no
// account is ready now. If no account is ready within maxWait, the run gives up. Without maxWait,
// if all accounts are rejected or disabled, the run ends with the command's own status. The caller
// holds mu.
func (p *progress) worthWaiting(e *rotation.ExhaustedError) bool {
	if p.tooLong(e) {
		p.gaveUp = e
	}
	return p.gaveUp == nil && !e.Until.IsZero()
}

// tooLong reports whether all accounts stay unready for maxWait after the first turn that found
// none. The caller holds mu.
func (p *progress) tooLong(e *rotation.ExhaustedError) bool {
	if p.exhaustedSince.IsZero() {
		p.exhaustedSince = time.Now()
	}
	return p.maxWait != nil && (e.Until.IsZero() || e.Until.Sub(p.exhaustedSince) > *p.maxWait || time.Since(p.exhaustedSince) > *p.maxWait)
}
