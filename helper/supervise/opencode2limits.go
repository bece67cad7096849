package supervise

import (
	"context"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// Observer adds the callbacks of this run to o, which informs the user, and returns the result.
func (r *OpenCode2) Observer(o gateway.Observer) gateway.Observer {
	restart := r.restartTurns
	if r.Command.Kind == opencode.Run {
		restart = r.restartClient
	}
	return r.progress.observer(o, r.canRestart, restart, func(*rotation.ExhaustedError) {})
}

// restartClient waits for the commands of OpenCode's tools, then stops the client, interrupts its
// turn, and starts the client again.
func (r *OpenCode2) restartClient() {
	text := continueText(awaitTools(r.server.pid))
	r.mu.Lock()
	next := r.invocation(r.Command.Resume(r.server.URL, r.session, text))
	r.mu.Unlock()
	r.order(wrapper.Order{Next: &next, Between: func() {
		r.interrupt()
		r.mu.Lock()
		defer r.mu.Unlock()
		if again, err := r.next(text); err == nil {
			next = again
		}
	}})
}

// restartTurns interrupts the turns and continues their sessions, while the client runs on.
func (r *OpenCode2) restartTurns() {
	awaitTools(r.server.pid)
	for _, id := range r.interrupt() {
		r.mu.Lock()
		subagent := r.subagents[id]
		r.mu.Unlock()
		if subagent {
			continue // the parent's session continues its subagents
		}
		ctx, cancel := context.WithTimeout(context.Background(), quietTime)
		_ = r.server.Continue(ctx, id) // on failure the screen shows the conversation, and waits for the user
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
