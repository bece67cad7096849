package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// Pool contains the methods of *rotation.Pool that a decision about a restart needs.
type Pool interface {
	// Exhaustion returns nil if an account is ready for the holder, otherwise a
	// *rotation.ExhaustedError.
	Exhaustion(ctx context.Context, ask rotation.Ask) error
	Overview(ctx context.Context) (rotation.Overview, error)
}

// OpenCode2 is a run of an OpenCode 2 client. Its private server sends the requests.
type OpenCode2 struct {
	Program string            // the path of OpenCode
	Command opencode.Command2 // Way is Joined
	// Server is the environment of the server, with a gateway. Client is the environment of the
	// client, without one.
	Server, Client []string
	Pool           Pool            // not used in mode Replay
	Lost           <-chan struct{} // closed when the gateway of the outer run is gone, which ends this run; nil if there is no outer run
	Stdin          *os.File
	Logs           io.Writer // receives the server's logs; nil to discard them

	server         *server
	keepAliveEvery time.Duration // for tests; 0 means the constant keepAliveEvery

	progress
}

// Run runs the client to its end, with restarts. A *rotation.ExhaustedError means that no account
// is ready within maxWait. Any other error means that the client did not start.
func (r *OpenCode2) Run() (status wrapper.Status, err error) {
	r.orders = make(chan wrapper.Order, 1)
	ended, stop := untilSignal(r.Lost, func() { r.order(wrapper.Order{}) })
	defer stop()
	if r.Command.Kind == opencode.Run && r.mode != Replay {
		if r.input, err = keepInput(ended, r.Stdin); err != nil {
			err = fmt.Errorf("cannot read stdin: %w", err)
		}
	}
	if err == nil {
		r.server, err = startServer(ended, r.Program, opencode.ServeArgs(r.Command.Logs), r.Server, r.Logs)
	}
	if err != nil {
		if bySignal, ok := signalOf(ended); ok {
			return bySignal, nil
		}
		return status, err
	}
	defer r.server.stop()
	alive, over := context.WithCancel(ended)
	defer over()
	go r.keepAlive(alive, cmp.Or(r.keepAliveEvery, keepAliveEvery))
	command := r.invocation(r.Command.Join(r.server.URL))
	if command.Stdin, err = r.input.Open(); err != nil {
		return status, err
	}
	for {
		status, _, err = wrapper.Run(command, wrapper.Options{Orders: r.orders, Started: r.started})
		again := false
		if err == nil && r.gaveUpError() == nil {
			command, again = r.after(ended, status, command)
		}
		if !again {
			return status, cmp.Or(r.gaveUpError(), err)
		}
	}
}

// keepAliveEvery is well below the hour after which OpenCode interrupts an inactive turn.
const keepAliveEvery = 20 * time.Minute

// keepAlive prevents OpenCode from interrupting a turn whose request waits for an account, until
// ctx ends.
func (r *OpenCode2) keepAlive(ctx context.Context, every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		call, cancel := context.WithTimeout(ctx, quietTime)
		active, _ := r.server.Active(call) // if the server does not answer, there is no turn to keep alive
		for _, id := range active {
			_ = r.server.KeepAlive(call, id)
		}
		cancel()
	}
}

// invocation returns the command that runs the client with these arguments on the server.
func (r *OpenCode2) invocation(args []string) wrapper.Command {
	// Argv[0] is the full path, because the name alone could start a shim of ocgo-key.
	return wrapper.Command{Argv: append([]string{r.Program}, args...), Env: setenv(r.Client, opencode.Password2Variable, r.server.Password)}
}

// started is called after each start of the client.
func (r *OpenCode2) started(int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restarting = false
}

// after decides whether a client that has ended is restarted. Until a turn is answered, an
// `opencode run` that ended at a usage limit is restarted once for each account. If no account is
// ready, the request of the restarted client waits at the gateway.
func (r *OpenCode2) after(ended context.Context, status wrapper.Status, command wrapper.Command) (wrapper.Command, bool) {
	if r.mode == Replay || r.Command.Kind != opencode.Run || status.Code == 0 || status.Signal != 0 || ended.Err() != nil {
		return command, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ended, quietTime)
	defer cancel()
	if again := r.startsAgain(accountsOf(ctx, r.Pool)); !again || !r.canRestart() {
		return command, false
	}
	if over, err := r.server.OverLimit(ctx, r.session); err != nil || !over {
		return command, false
	}
	if e := r.exhaustion(ctx, r.Pool); e != nil && !r.worthWaiting(e) {
		return command, false
	}
	next, err := r.next("")
	return next, err == nil
}

// canRestart reports whether a second invocation would continue the work. The caller holds mu.
func (r *OpenCode2) canRestart() bool { return r.session != "" }

// fresh reports whether the client can start again with the same command: nothing was answered, and
// the prompt is not in a session that existed before. The caller holds mu.
func (r *OpenCode2) fresh() bool { return !r.answered && !r.Command.Joins && r.input.Again() }

// next returns the command that continues the work. If fresh returns true, this is the same
// command, and next deletes the unanswered session. Otherwise it resumes the session with text as
// the prompt, or with the usual prompt if text is empty. The caller holds mu.
func (r *OpenCode2) next(text string) (command wrapper.Command, err error) {
	if r.fresh() {
		ctx, cancel := context.WithTimeout(context.Background(), quietTime)
		defer cancel()
		if r.server.Delete(ctx, r.session) == nil {
			r.session = ""
			command = r.invocation(r.Command.Join(r.server.URL))
			command.Stdin, err = r.input.Open()
			return command, err
		}
	}
	command = r.invocation(r.Command.Resume(r.server.URL, r.session, cmp.Or(text, opencode.GoOn)))
	command.Stdin, err = os.Open(os.DevNull) // the prompt from stdin is in the session
	return command, err
}

// untilSignal returns a context that ends at one of endSignals. Until stop is called, these signals
// do not end this process, so that it can stop the server first. A signal that was ignored when
// this process started (nohup) stays ignored. If lost is closed, the context ends as after SIGTERM,
// and end is called, because no signal has reached the client.
func untilSignal(lost <-chan struct{}, end func()) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	for _, s := range endSignals {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				cancel(signalError{s})
			case <-lost:
				cancel(signalError{syscall.SIGTERM})
				end()
				return
			case <-done:
				return
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	})
}

type signalError struct{ os.Signal }

func (e signalError) Error() string { return e.String() }

// If a signal ended ctx, signalOf returns the status of a command that this signal has ended.
func signalOf(ctx context.Context) (wrapper.Status, bool) {
	s, ok := errors.AsType[signalError](context.Cause(ctx))
	if !ok {
		return wrapper.Status{}, false
	}
	number, _ := s.Signal.(syscall.Signal)
	return wrapper.Status{Code: 128 + int(number), Signal: number}, true
}
