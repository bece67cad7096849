package supervise

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"os"
	"strings"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// ErrFailed means that the run itself failed, and not its command.
var ErrFailed = errors.New("the run failed")

func failed(err error) error { return hint.As(ErrFailed, err) }

// gaveUp is the error of a run that waits no longer, since the soonest account is back too late.
func gaveUp(e *rotation.ExhaustedError) error {
	return hint.On(e, "none is back within --max-wait; `ocgo-key list` shows each account")
}

// Run is one `ocgo-key run`.
type Run struct {
	Command wrapper.Command
	OnLimit string         // Replay, Restart, or anything else for auto
	MaxWait *time.Duration // how long to wait for an account; nil for as long as it takes
	EnvKey  bool           // the command cannot be pointed at a gateway, and gets the key itself
	Gateway GatewayOptions

	// Open returns the pool, where it is needed.
	Open func() (*rotation.Pool, error)
	// Hold returns the hold of this process, which works for a command of this name, on the pool,
	// and what asks about usage. Nothing is asked of either yet.
	Hold func(pool *rotation.Pool, command string) (*helper.Holder, *helper.UsagePoller, error)
	// Budget bounds the wait for the key of the first account.
	Budget func() (context.Context, context.CancelFunc)

	Tell                  Teller
	Stdin, Stdout, Stderr *os.File
}

// ToTheEnd runs the command to its end, and returns how it ended. Errors: those of package wrapper
// and of the pool; [ErrFailed]; a *rotation.ExhaustedError where no account is back within MaxWait.
func (r *Run) ToTheEnd() (wrapper.Status, error) {
	outer, nested := outerGateway(r.Command.Env)
	r.Command.Env = withoutRun(r.Command.Env)
	// No account is handed out for a command that cannot be started.
	client, err := whichClient(&r.Command)
	if err != nil {
		return wrapper.Status{}, err
	}
	switch {
	case client.apart():
		r.Tell.Detail("opencode %s is run without the gateway, since it uses the service that all share", client.two.Name)
		return runUntil(r.Command, nil)
	case nested && !r.EnvKey && (!r.Gateway.Zen || outer.zen):
		return r.under(outer, client)
	}
	pool, err := r.Open()
	if err != nil {
		return wrapper.Status{}, err
	}
	if untried := client.Untried(); client.is && untried != "" {
		r.Tell.Say("%s", text.Line(untried))
	}
	if r.EnvKey {
		return r.withKey(pool, client)
	}
	return r.onPool(pool, client)
}

// OnPool runs the command on pool to its end, under a gateway of its own, also inside another
// `run`. Errors are those of ToTheEnd. Open is not called.
func (r *Run) OnPool(pool *rotation.Pool) (wrapper.Status, error) {
	client, err := whichClient(&r.Command)
	if err != nil {
		return wrapper.Status{}, err
	}
	return r.onPool(pool, client)
}

// onPool runs the command under a gateway of its own.
func (r *Run) onPool(pool *rotation.Pool, client client) (wrapper.Status, error) {
	// The user's configuration is looked at before an account is handed out.
	if _, err := client.pointAt(endpoint{zen: r.Gateway.Zen}, r.Command.Env, opencode.RunFolder{}); err != nil {
		return wrapper.Status{}, err
	}
	defer pool.WriteBehind()()
	folder := r.folder()
	defer folder.Remove()
	notices := r.notices(client, folder)
	defer notices.lastWord()
	holder, usage, err := r.Hold(pool, baseName(r.Command.Argv[0]))
	if err != nil {
		return wrapper.Status{}, err
	}
	ctx, cancel := r.Budget()
	err = notices.Begin(ctx, holder, false, baseName(r.Command.Argv[0]))
	cancel()
	if err != nil {
		return wrapper.Status{}, err
	}
	defer holder.Release(context.Background())

	var two *OpenCode2
	one := r.direct(pool, client, notices)
	observer := one.observer()
	if client.joined() {
		two = r.openCode2(client)
		two.Pool, two.OnLimit, two.MaxWait = pool, r.OnLimit, r.MaxWait
		observer = two.Observer(notices.Observer())
	}
	flags := r.Gateway
	if flags.maxWait = r.MaxWait; flags.maxWait == nil {
		forever := time.Duration(math.MaxInt64)
		flags.maxWait = &forever
	}
	flags.session = "run_" + strings.ToLower(rand.Text())
	gw, err := StartGateway(holder, usage, flags, observer)
	if err != nil {
		return wrapper.Status{}, failed(err)
	}
	defer gw.Close()
	env, err := client.pointAt(endpoint{gw.URL(""), gw.Token(), r.Gateway.Zen}, r.Command.Env, folder)
	if err != nil {
		return wrapper.Status{}, err
	}
	if two != nil {
		two.Server = env
		return runOpenCode2(two, gw.URL(""))
	}
	one.usage, one.command.Env = usage, env
	return one.toTheEnd()
}

// notices are what the user is told under this client, and where.
func (r *Run) notices(client client, folder opencode.RunFolder) *Notices {
	n := &Notices{Tell: r.Tell}
	if !client.is {
		if term.IsTerminal(r.Stderr) {
			n.modes, _ = term.Save(r.Stdin) // it may be a full-screen client, or start one
		}
		return n
	}
	n.sleeps, n.patience = client.kind() == opencode.Run && r.mode(client) != Replay, r.MaxWait
	n.Silent = client.kind() == opencode.TUI && term.IsTerminal(r.Stdout)
	if n.Silent && client.generation2() {
		n.toasts = folder.Plugin
	}
	return n
}

func (r *Run) direct(pool *rotation.Pool, client client, n *Notices) *direct {
	d := &direct{run: r, notices: n, pool: pool, mode: r.mode(client), command: r.Command, orders: make(chan wrapper.Order, 1)}
	if d.opencode = client.is; d.opencode {
		d.invocation = client.one
	}
	return d
}

// mode is what is done at a limit. A server is never restarted: its own clients would lose it.
func (r *Run) mode(client client) string {
	if client.serves() {
		return Replay
	}
	return r.OnLimit
}

func baseName(command string) string {
	return command[strings.LastIndexAny(command, `/\`)+1:]
}
