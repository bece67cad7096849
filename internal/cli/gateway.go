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
	"ocgo-key/helper/gateway"
	"ocgo-key/internal/process"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// gatewayFlags are those of every command that has a gateway.
type gatewayFlags struct {
	Zen       bool          `help:"Serve provider opencode (Zen) as well, with the same keys. Zen spends balance."`
	Stall     time.Duration `default:"120s" placeholder:"D" help:"Try the next account once when no answer begins within this time; 0 waits for ever. (${default})"`
	NoOverage bool          `help:"Leave an account as soon as an answer costs real money, until its limits are reset."`
}

type gatewayCmd struct {
	gatewayFlags
	Port       int  `placeholder:"N" help:"The port on 127.0.0.1. Left out: a free one."`
	ParentPipe bool `help:"End when stdin is closed, so with the program that started it."`
}

func (*gatewayCmd) Help() string {
	return `Prints one line, {"base_url":…,"token":…,"pid":…}, and serves until it is ended. base_url stands in for the service's: a client appends /chat/completions, /messages or /responses, and sends the token where a key would go.

Example:
  ocgo-key gateway --port 8421`
}

func (c *gatewayCmd) Run(a *app) error {
	if c.Port < 0 || c.Port > 65535 {
		return usagef("--port %d: not a port", c.Port)
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	n := &notices{app: a}
	holder, err := a.hold(pool, a.keys(), "gateway", n)
	if err != nil {
		return err
	}
	defer holder.Release(context.Background())
	gw, _, err := a.startGateway(pool, a.keys(), holder, c.gatewayFlags, c.Port, n.observer())
	if err != nil {
		if c.Port != 0 && errors.Is(err, syscall.EADDRINUSE) {
			return withHint(err, "choose another --port, or leave it out")
		}
		return err
	}
	defer gw.Close()
	if err := a.printJSON(struct {
		BaseURL string `json:"base_url"`
		Token   string `json:"token"`
		PID     int    `json:"pid"`
	}{gw.URL(gateway.GoPrefix), gw.Token(), os.Getpid()}); err != nil {
		return err
	}
	a.waitForEnd(c.ParentPipe)
	return nil
}

// waitForEnd returns when a signal says so, or with parentPipe when stdin is closed.
func (a *app) waitForEnd(parentPipe bool) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if parentPipe {
		go func() {
			defer stop()
			_, _ = io.Copy(io.Discard, a.stdin)
		}()
	}
	<-ctx.Done()
}

// hold gives this process, which works for command, its account and the key. It does so before anything is
// started, so that a keychain that asks for a password does so on a terminal that is still the user's. An
// exhausted pool is no reason not to start: the client may have other work, and waits as it does.
func (a *app) hold(pool *rotation.Pool, keys keychain.Store, command string, n *notices) (*helper.Holder, error) {
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		return nil, wrapperFailed(fmt.Errorf("cannot look up this process: %w", err))
	}
	holder := helper.NewHolder(pool, keys, rotation.Process{PID: self.PID, Start: self.Start, Command: command}, a.warnMissing)
	ctx, cancel := a.keychainContext()
	defer cancel()
	grant, err := holder.Current(ctx, nil)
	if err == nil {
		a.detail("%s begins with %s", command, grant.Label)
	}
	if exhausted := new(rotation.ExhaustedError); errors.As(err, &exhausted) && !exhausted.Until.IsZero() {
		n.exhausted(nil, exhausted)
		return holder, nil
	}
	return holder, err
}

func (a *app) warnMissing(err error) {
	_, hint := explain(err)
	a.complain(err, hint)
}

func (a *app) startGateway(pool *rotation.Pool, keys keychain.Store, holder *helper.Holder, flags gatewayFlags, port int, o gateway.Observer) (*gateway.Gateway, gateway.Quota, error) {
	quota := &helper.Quota{Pool: pool, Keys: keys, Base: a.baseURL, Client: helper.NewClient(), Now: time.Now}
	gw, err := gateway.Start(gateway.Options{
		Holder: holder, Upstreams: a.upstreams(flags.Zen), Port: port, Stall: flags.Stall, NoOverage: flags.NoOverage,
		Quota: quota, Observer: o,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot start the gateway: %w", err)
	}
	return gw, quota, nil
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
