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
	"ocgo-key/helper/choice"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// ErrFailed means that the run itself failed, not its command.
var ErrFailed = errors.New("the run failed")

func failed(err error) error { return hint.As(ErrFailed, err) }

// Run is one `ocgo-key run`.
type Run struct {
	Command wrapper.Command
	OnLimit string         // Replay, Restart, or any other value for auto
	MaxWait *time.Duration // how long to wait for an account; nil for as long as it takes
	EnvKey  bool           // the command cannot use a gateway: its environment gets the key
	Gateway GatewayOptions

	// Choose returns the user's choice of an account; nil for none. It is called after the pool is
	// opened.
	Choose func(context.Context, *rotation.Pool) (choice.Choice, error)
	// Open returns the pool. It is called only if the pool is needed.
	Open func() (*rotation.Pool, error)
	// Hold returns the holder of this process, and the usage poller. command is the command's name.
	// It uses neither the pool nor the keychain.
	Hold func(pool *rotation.Pool, command string) (*helper.Holder, *helper.UsagePoller, error)
	// Budget returns a context with the time limit for a key that is fetched before the command
	// starts.
	Budget func() (context.Context, context.CancelFunc)

	Tell                  Teller
	Stdin, Stdout, Stderr *os.File
}

// ToTheEnd runs the command to its end, and returns its status. Its errors are those of package
// wrapper and of the pool, [ErrFailed], and a *rotation.ExhaustedError if no account is ready
// within MaxWait.
func (r *Run) ToTheEnd() (wrapper.Status, error) {
	outer, nested := outerGateway(r.Command.Env)
	r.Command.Env = withoutRun(r.Command.Env)
	// This is the first step, so that a command that cannot start uses no account.
	client, err := whichClient(&r.Command)
	if err != nil {
		return wrapper.Status{}, err
	}
	switch {
	case client.unchanged():
		r.Tell.Detail("opencode %s runs without the gateway, because it uses the shared service", client.two.Name)
		return runUntil(r.Command, nil)
	case nested && !r.EnvKey && (!r.Gateway.Zen || outer.zen):
		return r.under(outer, client)
	}
	pool, err := r.Open()
	if err != nil {
		return wrapper.Status{}, err
	}
	if untried := client.Untested(); client.is && untried != "" {
		r.Tell.Say("%s", text.Line(untried))
	}
	if r.EnvKey {
		return r.withKey(pool, client)
	}
	return r.onPool(pool, client)
}

// OnPool runs the command to its end on pool with a new gateway, even inside another `run`. Errors
// are those of ToTheEnd. Open is not called.
func (r *Run) OnPool(pool *rotation.Pool) (wrapper.Status, error) {
	client, err := whichClient(&r.Command)
	if err != nil {
		return wrapper.Status{}, err
	}
	return r.onPool(pool, client)
}

// onPool runs the command with a new gateway.
func (r *Run) onPool(pool *rotation.Pool, client client) (wrapper.Status, error) {
	folder := r.folder(client)
	defer folder.Remove()
	// This comes before an account is taken, because it fails if the configuration is not valid.
	if _, _, err := client.pointAt(endpoint{zen: r.Gateway.Zen}, r.Command, folder); err != nil {
		return wrapper.Status{}, err
	}
	defer pool.WriteBehind()()
	notices := r.notices(client, folder)
	defer notices.lastWord()
	holder, usage, err := r.hold(pool)
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
	one := &direct{progress: progress{mode: r.mode(client), choice: holder.Choice, maxWait: r.MaxWait, orders: make(chan wrapper.Order, 1)},
		run: r, client: client, pool: pool, notices: notices, command: r.Command}
	observer := one.observer()
	if client.joined() {
		two = r.openCode2(client)
		two.Pool, two.mode, two.maxWait, two.choice = pool, r.OnLimit, r.MaxWait, holder.Choice
		observer = two.Observer(notices.Observer())
	}
	flags := r.Gateway
	if flags.maxWait = r.MaxWait; flags.maxWait == nil {
		forever := time.Duration(math.MaxInt64)
		flags.maxWait = &forever
	}
	flags.session = "run_" + strings.ToLower(rand.Text())
	flags.held = true
	gw, err := StartGateway(holder, usage, flags, observer)
	if err != nil {
		return wrapper.Status{}, failed(err)
	}
	defer gw.Close()
	command, err := r.pointAt(client, endpoint{gw.URL(""), gw.Token(), r.Gateway.Zen}, folder)
	if err != nil {
		return wrapper.Status{}, err
	}
	if two != nil {
		two.Server = command.Env
		status, err := runOpenCode2(two, gw.URL(""))
		r.sayHowToContinue(client, &two.progress, err)
		return status, err
	}
	one.usage, one.command = usage, command
	status, err := one.toTheEnd()
	r.sayHowToContinue(client, &one.progress, err)
	return status, err
}

// sayHowToContinue prints the command that continues the session on the pool. OpenCode's full screen
// prints one that does not use the pool.
func (r *Run) sayHowToContinue(client client, p *progress, err error) {
	p.mu.Lock()
	session := p.session
	p.mu.Unlock()
	if err == nil && client.fullScreen() && !client.shim && term.IsTerminal(r.Stdout) && strings.HasPrefix(session, "ses_") {
		r.Tell.Say("on the pool: ocgo-key run -- opencode -s %s", text.Quote(session))
	}
}

// hold returns the holder of this process. It applies the user's choice of an account, and tells
// the user about the choice.
func (r *Run) hold(pool *rotation.Pool) (*helper.Holder, *helper.UsagePoller, error) {
	holder, usage, err := r.Hold(pool, baseName(r.Command.Argv[0]))
	if err != nil || r.Choose == nil {
		return holder, usage, err
	}
	chosen, err := r.Choose(context.Background(), pool)
	if err != nil {
		return nil, nil, err
	}
	holder.Choice = chosen.Choice
	switch {
	case chosen.ID == "":
	case chosen.Condition.State != rotation.Ready && !chosen.Only:
		r.Tell.Say("%s, is %s: the next account is used", chosen, chosen.Condition.State)
	default:
		r.Tell.Say("%s", chosen)
	}
	return holder, usage, nil
}

// notices returns the notices for this client. They are printed, unless the client draws on the
// whole terminal; OpenCode 2 then shows them as toasts.
func (r *Run) notices(client client, folder opencode.RunFolder) *Notices {
	n := &Notices{Tell: r.Tell}
	if !client.is {
		if term.IsTerminal(r.Stderr) {
			n.modes, _ = term.Save(r.Stdin) // the command may be a full-screen program, or start one
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

// mode returns the mode for this client. A server is never restarted, since its clients would lose
// the connection.
func (r *Run) mode(client client) string {
	if client.serves() {
		return Replay
	}
	return r.OnLimit
}

func baseName(command string) string {
	return command[strings.LastIndexAny(command, `/\`)+1:]
}
