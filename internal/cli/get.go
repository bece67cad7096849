package cli

import (
	"ocgo-key/helper"
	"ocgo-key/helper/accounts"
	"ocgo-key/helper/credential"
	"ocgo-key/internal/hint"
)

type getCmd struct {
	PID    int    `name:"pid" placeholder:"PID" complete:"holder" help:"The process that the key is for. Default: the calling process."`
	Format string `enum:"plain,json,git,engflow" default:"plain" help:"plain (the key and a newline), json, git (a git credential helper) or engflow (a Bazel credential helper)."`
	Again  bool   `help:"The service has refused the last key. Ask the service about the account; if it confirms, get the next account's key."`
	choiceFlags
	Action string `arg:"" optional:"" help:"The action that git or Bazel passes to a helper; store and erase do nothing."`
}

func (*getCmd) Help() string {
	return `A process gets the same key each time; the next process gets the next key. The calling process is the nearest ancestor that is neither a launcher (env, sudo, npx) nor a shell started for this one command.

A process that asks again within 60 seconds, or with --again, may have a key that was refused. So ocgo-key asks the service about the account. If a limit is used up or the key is refused, the process gets the next account's key; otherwise it gets the same key.

It prints only the key and a newline on stdout; on failure, nothing. It waits at most 8 seconds for the keychain.

Examples:
  printf 'header = "Authorization: Bearer %s"\n' "$(ocgo-key get)" |
    curl -K - https://opencode.ai/zen/go/v1/models
  git config credential.https://opencode.ai.helper \
    '!ocgo-key get --format git'
  git config credential.https://opencode.ai.username key`
}

func (c *getCmd) Run(a *app) error {
	if a.JSON {
		c.Format = string(credential.JSON)
	}
	request := credential.Request{Format: credential.Format(c.Format), Action: c.Action, BaseURL: a.BaseURL}
	asked := false
	a.asksNobody = true // a program is waiting
	err := credential.Serve(request, a.stdin, a.stdout, func() (credential.Answer, error) {
		asked = true
		return c.fetch(a)
	})
	if err != nil && !asked {
		return hint.As(hint.ErrInput, err) // the input is not a request
	}
	return err
}

// fetch returns the account of the calling process with its key. A process without an account gets
// the next one.
func (c *getCmd) fetch(a *app) (credential.Answer, error) {
	ctx, cancel := accounts.ProgramBudget.Context()
	defer cancel()
	keys := a.keys()
	go keys.Warm() // in parallel with the search for the calling process
	pool, err := a.pool()
	if err != nil {
		return credential.Answer{}, err
	}
	defer pool.WriteBehind()() // writes the copy of the state during the keychain call
	proc, err := callerOr(ctx, c.PID, pool)
	if err != nil {
		return credential.Answer{}, err
	}
	chosen, err := c.chosen(ctx, a, pool)
	if err != nil {
		return credential.Answer{}, err
	}
	holder := helper.NewHolder(pool, keys, proc, a.warnMissing)
	holder.Choice = chosen.Choice
	holder.Choice.Again = c.Account != ""
	grant, err := holder.Get(ctx, usagePoller(pool, keys, a.baseURL), c.Again)
	if err != nil {
		return credential.Answer{}, err
	}
	return credential.Answer{Account: grant.Label, Reveal: grant.Key.Reveal}, nil
}
