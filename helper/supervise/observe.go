package supervise

import (
	"context"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// Observer follows what the gateway meets; o, which tells the user, is told as well.
func (r *OpenCode2) Observer(o gateway.Observer) gateway.Observer {
	tell := o.Exhausted
	o.Answered = r.sawAnswer
	o.Limited = r.sawLimit
	o.Exhausted = func(x *gateway.Exchange, e *rotation.ExhaustedError) {
		if r.sawExhausted(x, e) && tell != nil {
			tell(x, e)
		}
	}
	return o
}

// see learns OpenCode's session from a request. The caller holds mu.
func (r *OpenCode2) see(x *gateway.Exchange) {
	switch {
	case x.Session() == "":
	case !x.Subagent():
		r.session = x.Session()
	default:
		if r.subagents == nil {
			r.subagents = map[string]bool{}
		}
		r.subagents[x.Session()] = true
		if r.session == "" {
			r.session = x.Parent()
		}
	}
}

func (r *OpenCode2) sawAnswer(x *gateway.Exchange) {
	if r.OnLimit == Replay {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(x)
	if (!r.answered || !r.exhausted.IsZero() || len(r.tried) > 0 || r.restartsSinceAnswer > 0) && !x.Subagent() && x.HasTools() {
		r.answered, r.exhausted, r.restartsSinceAnswer = true, time.Time{}, 0
		clear(r.tried)
	}
}

// sawLimit decides whether the work is begun again on the next account, in mode restart: at most one pass over the pool
// without an answer. Else the gateway sends the request again.
func (r *OpenCode2) sawLimit(x *gateway.Exchange, sw rotation.Switch) (hold bool) {
	if r.OnLimit != Restart {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(x)
	if r.restarting {
		return true // another request of the same turn met the limit first
	}
	if r.tried[sw.To.ID] || !r.canRestart() {
		return false
	}
	if r.tried == nil {
		r.tried = map[string]bool{}
	}
	r.tried[sw.From.ID], r.tried[sw.To.ID] = true, true
	r.restarting = true
	if r.Command.Kind == opencode.Run {
		go r.restartClient()
	} else {
		go r.restartTurns()
	}
	return true
}

// restartClient lets what OpenCode's tools have started come to its end, then stops the client, interrupts its turn and
// invokes it again.
func (r *OpenCode2) restartClient() {
	left := AwaitTools(r.server.pid)
	text := GoOnText(left)
	r.mu.Lock()
	next := &wrapper.Command{Argv: r.argv(r.Command.Resume(r.server.URL, r.session, text)), Env: setenv(r.Client, opencode.Password2Variable, r.server.Password)}
	r.mu.Unlock()
	r.order(wrapper.Order{Next: next, Between: func() {
		r.interrupt()
		r.mu.Lock()
		defer r.mu.Unlock()
		if again, err := r.next(*next, text); err == nil {
			*next = again
		}
	}})
}

// restartTurns interrupts the turns and makes their sessions go on, under a client that stays where it is.
func (r *OpenCode2) restartTurns() {
	AwaitTools(r.server.pid)
	for _, id := range r.interrupt() {
		r.mu.Lock()
		subagent := r.subagents[id]
		r.mu.Unlock()
		if subagent {
			continue // it goes on with its parent
		}
		ctx, cancel := context.WithTimeout(context.Background(), quietTime)
		// What goes wrong is on the user's screen: the conversation, waiting for the next word.
		_ = r.server.Continue(ctx, id)
		cancel()
	}
	r.started(0)
}

// interrupt ends all turns, and returns the sessions that had one.
func (r *OpenCode2) interrupt() []string {
	ctx, cancel := context.WithTimeout(context.Background(), quietTime)
	defer cancel()
	active, _ := r.server.Active(ctx)
	_ = r.server.InterruptAll(ctx)
	return active
}

// sawExhausted ends the client where the soonest account is back too late, which is said once it has ended. Else the
// request waits, and it reports that the user is to be told.
func (r *OpenCode2) sawExhausted(x *gateway.Exchange, e *rotation.ExhaustedError) (tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(x)
	if r.exhausted.IsZero() {
		r.exhausted = time.Now()
	}
	if r.restarting || r.gaveUp != nil {
		return false
	}
	if r.tooLong(e) {
		r.gaveUp, r.restarting = e, true
		r.order(wrapper.Order{})
		return false
	}
	return true
}

// tooLong reports whether the soonest account is back later than the user wants to wait. It says so at once: to wait in
// vain helps nobody. The caller holds mu.
func (r *OpenCode2) tooLong(e *rotation.ExhaustedError) bool {
	return r.MaxWait != nil && (e.Until.IsZero() || e.Until.Sub(r.exhausted) > *r.MaxWait || time.Since(r.exhausted) > *r.MaxWait)
}

// order hands an order to the wrapper. There is room: at most one is under way, see restarting.
func (r *OpenCode2) order(o wrapper.Order) {
	select {
	case r.orders <- o:
	default:
	}
}
