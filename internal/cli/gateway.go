package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/accounts"
	"ocgo-key/helper/gateway"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/process"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// gatewayFlags are those of every command that has a gateway.
type gatewayFlags struct {
	Zen       bool          `help:"Serve provider opencode (Zen) as well, with the same keys. Zen spends balance."`
	Stall     time.Duration `default:"120s" placeholder:"D" help:"Try the next account once when no answer begins within this time; 0 waits for ever. (${default})"`
	NoOverage bool          `help:"Leave an account as soon as an answer costs real money, until its limits are reset."`
	// clientWait is how long a client is asked to wait for an account; nil is gateway.DefaultMaxWait.
	clientWait *time.Duration `kong:"-"`
	// byConversation is whether each conversation gets an account of its own.
	byConversation bool `kong:"-"`
	// conversation is that of requests that name none; empty: each is told by how it begins.
	conversation string `kong:"-"`
	Ahead        *int   `placeholder:"N" help:"Move to an account with more left once N percent of a limit are used; 0 stays up to the limit. Left out: as config ahead says."`
}

func (f gatewayFlags) check() error {
	if f.Stall < 0 {
		return hint.Input("--stall %v: not a time to wait", f.Stall)
	}
	if f.Ahead != nil && (*f.Ahead < 0 || *f.Ahead > rotation.MaxAhead) {
		return hint.Input("--ahead %d: not 0, nor a percentage from 1 to %d", *f.Ahead, rotation.MaxAhead)
	}
	return nil
}

// ahead is for a Holder.
func (f gatewayFlags) ahead() int {
	switch {
	case f.Ahead == nil:
		return 0 // as the settings say
	case *f.Ahead == 0:
		return rotation.NotAhead
	}
	return *f.Ahead
}

type gatewayCmd struct {
	gatewayFlags
	Port       int    `placeholder:"N" help:"The port on 127.0.0.1. Left out: a free one."`
	ParentPipe bool   `help:"End when stdin is closed, so with the program that started it."`
	Lease      string `enum:"process,conversation" default:"process" help:"Who gets an account: this process, for all its clients (process), or each conversation of theirs (conversation), which keeps it until 24 hours after its last request. (${default})"`
}

func (*gatewayCmd) Help() string {
	return `Prints one line, {"base_url":…,"token":…,"pid":…}, and serves until it is ended. base_url stands in for the service's: a client appends /chat/completions, /messages or /responses, and sends the token where a key would go. With --parent-pipe a line follows for each thing that its user should know of: {"event":"switched","text":…,"from":…,"to":…}, and "exhausted" or "failed" with a text.

Example:
  ocgo-key gateway --port 8421`
}

func (c *gatewayCmd) Run(a *app) error {
	if c.Port < 0 || c.Port > 65535 {
		return hint.Input("--port %d: not a port", c.Port)
	}
	if err := c.check(); err != nil {
		return err
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	defer pool.Trail()()
	n := &notices{app: a}
	observer, parent, begin := n.observer(), context.Background(), a.budget().Context
	if c.ParentPipe {
		a.asksNobody = true // the terminal is the parent's
		// A program waits for the line that is printed below; when it is gone, so are we.
		var gone context.CancelFunc
		parent, gone = a.parent()
		defer gone()
		observer = a.told(observer)
		begin = func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(parent, time.Duration(accounts.ProgramBudget))
		}
	}
	ctx, cancel := begin()
	defer cancel()
	flags := c.gatewayFlags
	flags.byConversation = c.Lease == "conversation"
	holder, err := a.newHolder(pool, a.keys(), "gateway", flags.ahead())
	if err != nil {
		return err
	}
	if err := a.begin(ctx, holder, flags.byConversation, "gateway", n); err != nil {
		return err
	}
	defer holder.Release(context.Background())
	gw, _, err := a.startGateway(pool, a.keys(), holder, flags, c.Port, observer)
	if err != nil {
		if c.Port != 0 && errors.Is(err, syscall.EADDRINUSE) {
			return hint.On(err, "choose another --port, or leave it out")
		}
		return err
	}
	defer gw.Close()
	if err := a.Document(struct {
		BaseURL string `json:"base_url"`
		Token   string `json:"token"`
		PID     int    `json:"pid"`
	}{gw.URL(gateway.GoPrefix), gw.Token(), os.Getpid()}); err != nil {
		return err
	}
	waitForEnd(parent)
	return nil
}

// parent ends when stdin is closed.
func (a *app) parent() (context.Context, context.CancelFunc) {
	ctx, gone := context.WithCancel(context.Background())
	go func() {
		defer gone()
		_, _ = io.Copy(io.Discard, a.stdin)
	}()
	return ctx, gone
}

// waitForEnd returns when a signal says so, or when parent ends.
func waitForEnd(parent context.Context) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	<-ctx.Done()
}

// hold gives this process, which works for command, its account and the key. It does so before anything is
// started, so that a keychain that asks for a password does so on a terminal that is still the user's. An
// exhausted pool is no reason not to start: the client may have other work, and waits as it does.
func (a *app) hold(pool *rotation.Pool, keys keychain.Store, command string, ahead int, n *notices) (*helper.Holder, error) {
	ctx, cancel := a.budget().Context()
	defer cancel()
	holder, err := a.newHolder(pool, keys, command, ahead)
	if err != nil {
		return nil, err
	}
	return holder, a.begin(ctx, holder, false, command, n)
}

// newHolder is this process's, which works for command.
func (a *app) newHolder(pool *rotation.Pool, keys keychain.Store, command string, ahead int) (*helper.Holder, error) {
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		return nil, wrapperFailed(fmt.Errorf("cannot look up this process: %w", err))
	}
	holder := helper.NewHolder(pool, keys, rotation.Process{PID: self.PID, Start: self.Start, Command: command}, a.warnMissing)
	holder.Ahead = ahead
	return holder, nil
}

// begin gives the holder its account, or with open alone has the keychain opened for those that get one later.
func (a *app) begin(ctx context.Context, holder *helper.Holder, open bool, command string, n *notices) error {
	var err error
	if open {
		err = holder.Open(ctx)
	} else {
		var grant helper.Grant
		if grant, err = holder.Current(ctx, nil); err == nil {
			a.Detail("%s begins with %s", command, grant.Label)
		}
	}
	if exhausted := new(rotation.ExhaustedError); errors.As(err, &exhausted) && !exhausted.Until.IsZero() {
		n.exhausted(nil, exhausted)
		return nil
	}
	return err
}

func (a *app) warnMissing(missing, next rotation.Handout) {
	a.Warn(fmt.Sprintf("the key of %s is not in the keychain; going on with %s", missing.Label, next.Label),
		fmt.Sprintf("`ocgo-key replace %s` stores it again", text.Quote(missing.Label)))
}

func (a *app) startGateway(pool *rotation.Pool, keys keychain.Store, holder *helper.Holder, flags gatewayFlags, port int, o gateway.Observer) (*gateway.Gateway, gateway.Usage, error) {
	usage := &helper.UsagePoller{Pool: pool, Keys: keys, Base: a.baseURL, Client: helper.NewClient(), Now: time.Now, Holder: holder}
	options := gateway.Options{
		Holder: holder, Upstreams: a.upstreams(flags.Zen), Port: port, Stall: flags.Stall, NoOverage: flags.NoOverage, MaxWait: flags.clientWait,
		Session: flags.conversation, Usage: usage, Observer: o,
	}
	if flags.byConversation {
		usage.Conversations = helper.NewConversations(holder)
		options.HolderOf = usage.Conversations.Of
	}
	gw, err := gateway.Start(options)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot start the gateway: %w", err)
	}
	return gw, usage, nil
}

// upstreams are the services behind the gateway. Zen's base URL is Go's without the "go" step.
func (a *app) upstreams(zen bool) map[string]*url.URL {
	up := map[string]*url.URL{gateway.GoPrefix: a.baseURL}
	if zen {
		u := *a.baseURL
		u.Path = strings.Replace(u.Path, "/go/", "/", 1)
		up[gateway.ZenPrefix] = &u
	}
	return up
}
