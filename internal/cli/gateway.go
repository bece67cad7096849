package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/accounts"
	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/supervise"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/process"
	"ocgo-key/internal/report"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// gatewayFlags are the flags of the commands that run a gateway.
type gatewayFlags struct {
	Zen       bool          `help:"Also serve the provider opencode (Zen), with the same keys. Zen spends balance."`
	Stall     time.Duration `default:"120s" placeholder:"D" help:"Try the next account once if no answer begins within this time; 0 waits forever. (${default})"`
	NoOverage bool          `help:"Stop using an account as soon as an answer costs real money, until its limits are reset."`
	Ahead     *int          `placeholder:"N" help:"Switch to an account with more left once N percent of a limit is used; 0 waits for the limit. Default: the setting ahead."`
}

func (f gatewayFlags) check() error {
	if f.Stall < 0 {
		return hint.Input("--stall %v: must not be negative", f.Stall)
	}
	if f.Ahead != nil && (*f.Ahead < 0 || *f.Ahead > rotation.MaxAhead) {
		return hint.Input("--ahead %d: must be 0, or a percentage from 1 to %d", *f.Ahead, rotation.MaxAhead)
	}
	return nil
}

func (f gatewayFlags) options(a *app) supervise.GatewayOptions {
	return supervise.GatewayOptions{Service: a.baseURL, Zen: f.Zen, Stall: f.Stall, NoOverage: f.NoOverage}
}

// ahead converts the flag for Holder.Ahead.
func (f gatewayFlags) ahead() int {
	switch {
	case f.Ahead == nil:
		return 0 // the setting applies
	case *f.Ahead == 0:
		return rotation.NotAhead
	}
	return *f.Ahead
}

type gatewayCmd struct {
	gatewayFlags
	choiceFlags
	Port       int    `placeholder:"N" help:"The port on 127.0.0.1. Default: a free one."`
	ParentPipe bool   `help:"Exit when stdin is closed, that is, when the program that started it ends."`
	Lease      string `enum:"process,conversation" default:"process" help:"What gets an account: this process, for all its clients (process), or each conversation (conversation). A conversation keeps its account until 24 hours after its last request. (${default})"`
}

func (*gatewayCmd) Help() string {
	return `Prints one line, {"base_url":…,"token":…,"pid":…}, and serves until it is stopped. A client uses base_url in place of the service's address, appends /chat/completions, /messages or /responses, and sends the token in place of a key. With --parent-pipe it then prints one line per event for the user: {"event":"switched","text":…,"from":…,"to":…}, and "exhausted" or "failed" with a text.

Example:
  ocgo-key gateway --port 8421`
}

func (c *gatewayCmd) checked() error {
	if c.Port < 0 || c.Port > 65535 {
		return hint.Input("--port %d: not a port", c.Port)
	}
	return c.check()
}

func (c *gatewayCmd) Run(a *app) error {
	if err := c.checked(); err != nil {
		return err
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	defer pool.WriteBehind()()
	n := &supervise.Notices{Tell: teller{a.Terminal}}
	observer, parent, begin := n.Observer(), context.Background(), a.budget().Context
	if c.ParentPipe {
		a.asksNobody = true // the terminal belongs to the parent
		// The parent reads the line printed below. This process ends when the parent ends.
		var gone context.CancelFunc
		parent, gone = untilClosed(a.stdin)
		defer gone()
		observer = supervise.WithEvents(observer, a.Document)
		begin = func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(parent, time.Duration(accounts.ProgramBudget))
		}
	}
	ctx, cancel := begin()
	defer cancel()
	options := c.options(a)
	options.ByConversation, options.Port = c.Lease == "conversation", c.Port
	holder, err := a.newHolder(pool, a.keys(), c.holderName(), c.ahead())
	if err != nil {
		return err
	}
	chosen, err := c.chosen(ctx, a, pool)
	if err != nil {
		return err
	}
	holder.Choice = chosen.Choice
	options.ChoiceIn = func(folder string) rotation.Choice { return c.choiceIn(parent, a, pool, folder, chosen.Choice) }
	if err := n.Begin(ctx, holder, options.ByConversation, "gateway"); err != nil {
		return err
	}
	defer holder.Release(context.Background())
	gw, err := supervise.StartGateway(holder, usagePoller(pool, a.keys(), a.baseURL), options, observer)
	if c.Port != 0 && errors.Is(err, syscall.EADDRINUSE) {
		return hint.On(err, "choose another --port, or leave it out")
	}
	if err != nil {
		return err
	}
	defer gw.Close()
	// The program may send a signal as soon as it has read the line.
	end, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := a.Document(struct {
		BaseURL string `json:"base_url"`
		Token   string `json:"token"`
		PID     int    `json:"pid"`
	}{gw.URL(gateway.GoPrefix), gw.Token(), os.Getpid()}); err != nil {
		return err
	}
	<-end.Done()
	return nil
}

// choiceIn returns the user's choice for a conversation in this folder. chosen is the choice for
// the gateway itself.
func (c *gatewayCmd) choiceIn(ctx context.Context, a *app, pool *rotation.Pool, folder string, chosen rotation.Choice) rotation.Choice {
	in, _ := found(ctx, a, pool, c.sources(a, folder)) // without a choice, the next account in turn is used
	in.Only = in.Only || c.Only
	if in.ID == "" && c.Only {
		return chosen
	}
	return in.Choice
}

// holderName returns the name that `list` shows for this process. If OpenCode started it with
// --parent-pipe, that is the name of OpenCode's program.
func (c *gatewayCmd) holderName() string {
	if c.ParentPipe {
		if parent, err := process.Lookup(os.Getppid()); err == nil && opencode.Is(parent.Name) {
			return parent.Name
		}
	}
	return "gateway"
}

// untilClosed returns a context that ends when stdin is closed.
func untilClosed(stdin io.Reader) (context.Context, context.CancelFunc) {
	ctx, gone := context.WithCancel(context.Background())
	go func() {
		defer gone()
		_, _ = io.Copy(io.Discard, stdin)
	}()
	return ctx, gone
}

// newHolder returns a holder for this process, which `list` shows as command. It does not use the
// pool or the store yet.
func (a *app) newHolder(pool *rotation.Pool, keys keychain.Store, command string, ahead int) (*helper.Holder, error) {
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		return nil, hint.As(supervise.ErrFailed, fmt.Errorf("cannot look up this process: %w", err))
	}
	holder := helper.NewHolder(pool, keys, rotation.Process{PID: self.PID, Start: self.Start, Command: command}, a.warnMissing)
	holder.Ahead = ahead
	return holder, nil
}

func (a *app) warnMissing(missing, next rotation.Handout) {
	a.Warn(fmt.Sprintf("the keychain has no usable key for %s; continuing with %s", missing.Label, next.Label),
		fmt.Sprintf("`ocgo-key replace %s` stores it again", text.Quote(missing.Label)))
}

// teller prints errors with their hints.
type teller struct{ *report.Terminal }

func (t teller) Failed(err error) {
	_, next := explain(err)
	t.Complain(err, next)
}
