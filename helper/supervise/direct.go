package supervise

import (
	"fmt"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// direct is a run of a command that sends its requests itself: OpenCode 1, or any other client. It
// decides when the command is started again and how, so that the work continues where it was.
type direct struct {
	progress
	run     *Run
	notices *Notices
	pool    *rotation.Pool
	usage   gateway.Usage
	mode    string // Run.OnLimit
	command wrapper.Command
	input   *Input // what the command reads, kept for a second invocation; nil where nothing need be
	orders  chan wrapper.Order

	// What the command is, if it is OpenCode.
	opencode   bool
	invocation opencode.Invocation

	// Guarded by progress.mu.
	pid     int    // of the command as it runs
	resumed func() // to be done once the next invocation has started
	standby bool   // standBy runs

	announcedReturn time.Time // of an account, as the client was told; it sleeps until then
}

func (d *direct) observer() gateway.Observer {
	o := d.notices.Observer()
	o.Answered, o.Limited, o.Exhausted = d.answeredTurn, d.limited, d.noAccount
	return o
}

// toTheEnd runs the command, and again where that continues the work. The error says that it did
// not start, or, as a *rotation.ExhaustedError, that no account is back within the time to wait.
func (d *direct) toTheEnd() (wrapper.Status, error) {
	var err error
	if d.opencode && d.invocation.Kind == opencode.Run && d.mode != Replay {
		if d.input, err = KeepInput(d.run.Stdin); err != nil {
			return wrapper.Status{}, failed(fmt.Errorf("cannot read stdin: %w", err))
		}
	}
	command := d.command
	if command.Stdin, err = d.input.Open(); err != nil {
		return wrapper.Status{}, failed(err)
	}
	for {
		status, _, err := wrapper.Run(command, wrapper.Options{Orders: d.orders, Started: d.started})
		if err != nil {
			return status, err
		}
		next, again := d.after(status)
		if e := d.gaveUpWith(); e != nil {
			return status, gaveUp(e)
		}
		if !again {
			return status, nil
		}
		command = next
	}
}

// started follows each start of the command.
func (d *direct) started(pid int) {
	d.mu.Lock()
	d.pid, d.restarting = pid, false
	resumed := d.resumed
	d.resumed = nil
	d.mu.Unlock()
	if resumed != nil {
		go resumed()
	}
}

func (d *direct) answeredTurn(x *gateway.Exchange) {
	if d.mode != Replay {
		d.sawAnswer(x)
	}
}

// limited has the command started again on the next account, in mode restart. Else the gateway
// sends the request again.
func (d *direct) limited(x *gateway.Exchange, sw rotation.Switch) (hold bool) {
	if d.mode != Restart {
		return false
	}
	hold, begin := d.sawLimit(x, sw, d.canRestart)
	if begin {
		d.mu.Lock()
		pid := d.pid
		d.mu.Unlock()
		go d.restart(pid)
	}
	return hold
}

// noAccount tells the user, and waits with the client for the soonest account, or ends it.
func (d *direct) noAccount(x *gateway.Exchange, e *rotation.ExhaustedError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.announcedReturn = e.Until
	switch d.sawExhausted(x, e, d.run.MaxWait) {
	case ending:
		order(d.orders, wrapper.Order{})
	case waiting:
		d.notices.exhausted(x, e)
		if !d.standby && d.opencode && d.mode != Replay && !e.Until.IsZero() {
			d.standby = true
			go d.standBy()
		}
	}
}

// order hands an order to the wrapper. There is room: at most one is under way, see
// progress.restarting.
func order(orders chan<- wrapper.Order, o wrapper.Order) {
	select {
	case orders <- o:
	default:
	}
}
