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

// Pool is what a run asks of the accounts; *rotation.Pool is one.
type Pool interface {
	// Exhaustion is nil when an account is ready, and else a *rotation.ExhaustedError.
	Exhaustion(ctx context.Context) error
	Overview(ctx context.Context) (rotation.Overview, error)
}

// OpenCode2 is a run of a client of OpenCode 2 on a server of its own, which does the requests.
type OpenCode2 struct {
	Name    string            // how the user called OpenCode
	Program string            // its path
	Command opencode.Command2 // Way is Joined
	// Server is the server's environment, with a gateway in it; Client is the client's, without.
	Server, Client []string
	OnLimit        string          // Replay, Restart, or anything else for auto
	MaxWait        *time.Duration  // how long to wait for an account; nil for as long as it takes
	Pool           Pool            // nil where the gateway is another run's, which then decides all about limits
	Lost           <-chan struct{} // closed when another run's gateway is gone, which ends this run; nil for never
	Stdin          *os.File
	Logs           io.Writer // where the server's logs go if the user wants them; nil for nowhere

	orders         chan wrapper.Order
	server         *server
	keepAliveEvery time.Duration // 0: the usual

	progress
	input *Input // what the client reads, kept for a second invocation; nil where nothing need be
}

// Run runs the client to its end, and again where that makes the work go on. The error says that it
// did not start, or, as a *rotation.ExhaustedError, that no account is back within MaxWait.
func (r *OpenCode2) Run() (status wrapper.Status, err error) {
	r.orders = make(chan wrapper.Order, 1)
	ended, stop := untilSignal(r.Lost, func() { order(r.orders, wrapper.Order{}) })
	defer stop()
	command := wrapper.Command{Env: r.Client}
	if r.Command.Kind == opencode.Run && r.OnLimit != Replay && r.Pool != nil {
		if r.input, err = keepInput(ended, r.Stdin); err != nil {
			if bySignal, ok := signalOf(ended); ok {
				return bySignal, nil
			}
			return status, fmt.Errorf("cannot read stdin: %w", err)
		}
	}
	server, err := startServer(ended, r.Program, opencode.ServeArgs(r.Command.Logs), r.Server, r.Logs)
	if bySignal, ok := signalOf(ended); ok && err != nil {
		return bySignal, nil
	}
	if err != nil {
		return status, err
	}
	defer server.stop()
	r.server = server
	alive, over := context.WithCancel(ended)
	defer over()
	go r.keepAlive(alive, cmp.Or(r.keepAliveEvery, keepAliveEvery))
	command.Env = setenv(r.Client, opencode.Password2Variable, server.Password)
	command.Argv = r.argv(r.Command.Join(server.URL))
	if command.Stdin, err = r.input.Open(); err != nil {
		return status, err
	}
	for {
		status, _, err = wrapper.Run(command, wrapper.Options{Orders: r.orders, Started: r.started})
		if err != nil || r.gaveUpWith() != nil {
			return status, errors.Join(err, asError(r.gaveUpWith()))
		}
		next, again := r.after(ended, status, command)
		if !again {
			return status, asError(r.gaveUpWith())
		}
		command = next
	}
}

// keepAliveEvery is well below the hour after which OpenCode interrupts a turn that waits.
const keepAliveEvery = 20 * time.Minute

// keepAlive keeps turns whose request waits for an account from being interrupted for inactivity,
// until ctx ends.
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
		active, _ := r.server.Active(call) // a server that does not answer has worse troubles
		for _, id := range active {
			_ = r.server.KeepAlive(call, id)
		}
		cancel()
	}
}

// argv is the client's command line. A path stands in for the name where that leads to a shim of
// ours.
func (r *OpenCode2) argv(args []string) []string { return append([]string{r.Program}, args...) }

// asError keeps a nil pointer from becoming an error.
func asError(e *rotation.ExhaustedError) error {
	if e == nil {
		return nil
	}
	return e
}

// started follows each start of the client.
func (r *OpenCode2) started(int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restarting = false
}

// after decides, once the client has ended, whether it is invoked again: an `opencode run` that
// OpenCode ended over a usage limit is, once for each account without an answer. Where no account
// is ready its request waits at the gateway.
func (r *OpenCode2) after(ended context.Context, status wrapper.Status, command wrapper.Command) (wrapper.Command, bool) {
	if r.OnLimit == Replay || r.Pool == nil || r.Command.Kind != opencode.Run || status.Code == 0 || status.Signal != 0 || ended.Err() != nil {
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
	if e := exhaustion(ctx, r.Pool); e != nil && !r.worthWaiting(e, r.MaxWait) {
		return command, false
	}
	next, err := r.next(command, "")
	return next, err == nil
}

// canRestart reports whether a second invocation would go on with the work. The caller holds mu.
func (r *OpenCode2) canRestart() bool { return r.session != "" }

// fresh reports whether the same command does the same work once more: nothing of it was answered,
// and it did not leave its prompt in a session that was there before. The caller holds mu.
func (r *OpenCode2) fresh() bool { return !r.answered && !r.Command.Joins && r.input.Again() }

// next is the client that goes on with the work. What was begun and not answered is removed, where
// the same command does it from the beginning. text is for the model; empty for the usual. The
// caller holds mu.
func (r *OpenCode2) next(command wrapper.Command, text string) (wrapper.Command, error) {
	var err error
	if r.fresh() {
		ctx, cancel := context.WithTimeout(context.Background(), quietTime)
		defer cancel()
		if err := r.server.Delete(ctx, r.session); err == nil {
			r.session = ""
			command.Argv = r.argv(r.Command.Join(r.server.URL))
			command.Stdin, err = r.input.Open()
			return command, err
		}
	}
	if text == "" {
		text = opencode.GoOn
	}
	command.Argv = r.argv(r.Command.Resume(r.server.URL, r.session, text))
	command.Stdin, err = os.Open(os.DevNull) // the prompt that stdin held is in the session
	return command, err
}

// untilSignal ends when a signal comes that would end us. Until stop such a signal does no more
// than that, so that the server can be stopped in order. One that we were started with as ignored
// (nohup) stays so. The end of lost counts as a SIGTERM, and calls end as well, since such a signal
// reaches nobody else.
func untilSignal(lost <-chan struct{}, end func()) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	came := make(chan os.Signal, 1)
	for _, s := range ends {
		if !signal.Ignored(s) {
			signal.Notify(came, s)
		}
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-came:
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
		signal.Stop(came)
		close(done)
		cancel(nil)
	})
}

type signalError struct{ os.Signal }

func (e signalError) Error() string { return e.String() }

// signalOf is how a command ends by the signal that ended ctx.
func signalOf(ctx context.Context) (wrapper.Status, bool) {
	s, ok := errors.AsType[signalError](context.Cause(ctx))
	if !ok {
		return wrapper.Status{}, false
	}
	number, _ := s.Signal.(syscall.Signal)
	return wrapper.Status{Code: 128 + int(number), Signal: number}, true
}
