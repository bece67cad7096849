package supervise

import (
	"context"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// Observer follows what the gateway meets; o, which tells the user, is told as well.
func (r *OpenCode2) Observer(o gateway.Observer) gateway.Observer {
	tell := o.Exhausted
	o.Answered = r.answeredTurn
	o.Limited = r.limited
	o.Exhausted = func(x *gateway.Exchange, e *rotation.ExhaustedError) {
		if r.noAccount(x, e) && tell != nil {
			tell(x, e)
		}
	}
	return o
}

func (r *OpenCode2) answeredTurn(x *gateway.Exchange) {
	if r.OnLimit != Replay {
		r.sawAnswer(x)
	}
}

// limited has the work begun again on the next account, in mode restart. Else the gateway sends the
// request again.
func (r *OpenCode2) limited(x *gateway.Exchange, sw rotation.Switch) (hold bool) {
	if r.OnLimit != Restart {
		return false
	}
	hold, begin := r.sawLimit(x, sw, r.canRestart)
	switch {
	case !begin:
	case r.Command.Kind == opencode.Run:
		go r.restartClient()
	default:
		go r.restartTurns()
	}
	return hold
}

// restartClient lets what OpenCode's tools have started come to its end, then stops the client,
// interrupts its turn and invokes it again.
func (r *OpenCode2) restartClient() {
	left := AwaitTools(r.server.pid)
	text := GoOnText(left)
	r.mu.Lock()
	next := &wrapper.Command{Argv: r.argv(r.Command.Resume(r.server.URL, r.session, text)), Env: setenv(r.Client, opencode.Password2Variable, r.server.Password)}
	r.mu.Unlock()
	order(r.orders, wrapper.Order{Next: next, Between: func() {
		r.interrupt()
		r.mu.Lock()
		defer r.mu.Unlock()
		if again, err := r.next(*next, text); err == nil {
			*next = again
		}
	}})
}

// restartTurns interrupts the turns and makes their sessions go on, under a client that stays where
// it is.
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

// noAccount ends the client where the soonest account is back too late. Else the request waits, and
// it reports that the user is to be told.
func (r *OpenCode2) noAccount(x *gateway.Exchange, e *rotation.ExhaustedError) (tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := r.sawExhausted(x, e, r.MaxWait)
	if done == ending {
		order(r.orders, wrapper.Order{})
	}
	return done == waiting
}
