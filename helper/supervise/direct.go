package supervise

import (
	"fmt"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// direct is the run of a command that sends its requests itself: OpenCode 1, or any other client.
// At a limit it restarts the command if the new process can continue the work.
type direct struct {
	progress
	run     *Run
	client  client
	pool    *rotation.Pool
	notices *Notices
	usage   gateway.Usage
	command wrapper.Command

	// Guarded by progress.mu.
	pid     int    // the process id of the running command
	resumed func() // called when the next invocation has started; may be nil
	standby bool   // standBy runs
}

func (d *direct) observer() gateway.Observer {
	return d.progress.observer(d.notices.Observer(), d.canRestart, d.restart, d.startStandBy)
}

// toTheEnd runs the command to its end, with restarts. A *rotation.ExhaustedError means that no
// account is ready within the time to wait. Any other error means that the command did not start.
func (d *direct) toTheEnd() (wrapper.Status, error) {
	var err error
	if d.client.one.Kind == opencode.Run && d.mode != Replay {
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
		if !again || d.gaveUpError() != nil {
			return status, d.gaveUpError()
		}
		command = next
	}
}

// started is called after each start of the command.
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
