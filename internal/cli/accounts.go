package cli

import (
	"context"
	"fmt"
	"time"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// named is the argument of commands that act on one account.
type named struct {
	Name string `arg:"" complete:"account" help:"Label or number of the account, as list shows them. Upper and lower case do not matter."`
}

type removeCmd struct {
	named
	Yes bool `short:"y" help:"Do not ask."`
}

func (*removeCmd) Help() string {
	return `Asks, deletes the key from the keychain, then removes the account from the list. Without a terminal it needs --yes.

Examples:
  ocgo-key remove Work
  ocgo-key remove 2 --yes`
}

func (c *removeCmd) Run(a *app) error {
	pool, v, err := a.account(c.Name)
	if err != nil {
		return err
	}
	if err := a.confirm(c.Yes, fmt.Sprintf("Remove %s and delete its key from the keychain?", v.Label)); err != nil {
		return err
	}
	if err := a.accounts(pool).Remove(v); err != nil {
		return err
	}
	return a.done("removed", v.Label, v.ID)
}

type renameCmd struct {
	named
	New string `arg:"" help:"The new label."`
}

func (*renameCmd) Help() string {
	return `The account keeps its key, its place and its history. See add for what a label may contain.

Example:
  ocgo-key rename Work "Work, Berlin"`
}

func (c *renameCmd) Run(a *app) error {
	if err := accounts.CheckLabel(c.New); err != nil {
		return err
	}
	pool, v, err := a.account(c.Name)
	if err != nil {
		return err
	}
	if err := pool.Rename(context.Background(), v.ID, c.New); err != nil {
		return hint.On(err, "choose another label; `ocgo-key list` shows those that are taken")
	}
	return a.done("renamed "+v.Label+" to", c.New, v.ID)
}

type enableCmd struct{ named }

func (*enableCmd) Help() string {
	return `Undoes disable, and ends a rejection or a cooldown. If the service last reported a limit that is still in force, the command says so. The account then cools down again at the next refusal.

Example:
  ocgo-key enable Work`
}

func (c *enableCmd) Run(a *app) error {
	pool, v, err := a.account(c.Name)
	if err != nil {
		return err
	}
	if err := pool.Enable(context.Background(), v.ID); err != nil {
		return err
	}
	if full := v.Condition; full.Window != "" && !a.JSON {
		a.Say("the service last said that the %s of %s is used up until %s; it may refuse requests until then", text.OneLine(full.Reason), v.Label, text.Clock(full.Until, time.Now()))
	}
	return a.done("enabled", v.Label, v.ID)
}

type disableCmd struct{ named }

func (*disableCmd) Help() string {
	return `The account stays in the list and keeps its key. A process that uses it switches to another account at its next request.

Example:
  ocgo-key disable Work`
}

func (c *disableCmd) Run(a *app) error {
	return alter(a, c.Name, "disabled", (*rotation.Pool).Disable)
}

// alter calls change for the account called name, and reports success; done is the verb of that
// message.
func alter(a *app, name, done string, change func(pool *rotation.Pool, ctx context.Context, id string) error) error {
	pool, v, err := a.account(name)
	if err != nil {
		return err
	}
	if err := change(pool, context.Background(), v.ID); err != nil {
		return err
	}
	return a.done(done, v.Label, v.ID)
}

type replaceCmd struct {
	named
	NoVerify bool `help:"Do not check the key with the service."`
}

func (*replaceCmd) Help() string {
	return `Reads the key as add does. The account keeps its label and its place; a rejection or a cooldown of the old key ends. If the keychain cannot store the new key, the old key is restored.

Examples:
  ocgo-key replace Work
  pass show opencode/work | ocgo-key replace Work`
}

func (c *replaceCmd) Run(a *app) error {
	pool, v, err := a.account(c.Name)
	if err != nil {
		return err
	}
	err = a.withKey("New key of "+v.Label+": ", func(key keychain.Secret) error {
		return a.accounts(pool).Replace(context.Background(), v, key, c.NoVerify)
	})
	if err != nil {
		return err
	}
	return a.stored("replaced the key of", v.Label, v.ID)
}
