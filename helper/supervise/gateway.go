package supervise

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/rotation"
)

// GatewayOptions are the options of every command that has a gateway.
type GatewayOptions struct {
	Service   *url.URL      // the service's base URL
	Zen       bool          // serve Zen as well, which spends the user's balance
	Stall     time.Duration // try the next account once if no answer begins within this time; 0 waits forever
	ThenModel string        // a model that answers while no account is ready; empty for none
	NoOverage bool          // leave an account as soon as an answer costs real money
	// ByConversation gives each conversation its own account.
	ByConversation bool
	// ChoiceIn returns the user's choice of account for a conversation in this folder. If it is
	// nil, folders do not matter.
	ChoiceIn func(folder string) rotation.Choice
	Port     int // 0 for a free one

	maxWait *time.Duration // see gateway.Options.MaxWait
	held    bool           // see gateway.Options.Held
	session string         // see gateway.Options.Session
}

// StartGateway starts a gateway for the accounts of holder.
func StartGateway(holder *helper.Holder, usage *helper.UsagePoller, flags GatewayOptions, o gateway.Observer) (*gateway.Gateway, error) {
	usage.Holder = holder
	options := gateway.Options{
		Holder: holder, Upstreams: upstreams(flags.Service, flags.Zen), Port: flags.Port, Held: flags.held, Stall: flags.Stall, NoOverage: flags.NoOverage, ThenModel: flags.ThenModel,
		MaxWait: flags.maxWait, Session: flags.session, Usage: usage, Observer: o,
	}
	if flags.ByConversation {
		usage.Conversations = helper.NewConversations(holder)
		usage.Conversations.Choice = flags.ChoiceIn
		options.HolderOf = usage.Conversations.Of
	}
	gw, err := gateway.Start(options)
	if err != nil {
		return nil, fmt.Errorf("cannot start the gateway: %w", err)
	}
	return gw, nil
}

// upstreams returns the base URL for each path prefix. Zen's base URL is Go's without "/go".
func upstreams(base *url.URL, zen bool) map[string]*url.URL {
	up := map[string]*url.URL{gateway.GoPrefix: base}
	if zen {
		u := *base
		u.Path = strings.Replace(u.Path, "/go/", "/", 1)
		up[gateway.ZenPrefix] = &u
	}
	return up
}

// Begin gives the holder its account. If open is true, it only unlocks the keychain, for accounts
// that are handed out later. Begin is called before the command starts, so that the keychain can
// ask for a password while the terminal is free. An exhausted pool is not an error: the client may
// not need an account, and waits if it does.
func (n *Notices) Begin(ctx context.Context, holder *helper.Holder, open bool, command string) error {
	var err error
	if open {
		err = holder.Open(ctx)
	} else {
		var grant helper.Grant
		if grant, err = holder.Current(ctx, nil); err == nil {
			n.Tell.Detail("%s begins with %s", command, grant.Label)
		}
	}
	if exhausted, ok := errors.AsType[*rotation.ExhaustedError](err); ok && !exhausted.Until.IsZero() {
		n.exhausted(nil, exhausted)
		return nil
	}
	return err
}
