package cli

import (
	"context"
	"time"

	"ocgo-key/rotation"
)

type addCmd struct {
	Label    *string `arg:"" optional:"" help:"The label of the account. Default: \"Account N\"."`
	NoVerify bool    `help:"Do not check the key with the service."`
}

func (*addCmd) Help() string {
	return `Asks for the key without echo, or reads it as one line from a pipe. No flag takes a key, since other programs can see a command line. The key is stored in the keychain and read back before the account is listed. A key that is already stored, or that the service does not know, is refused.

A label has 1 to 40 printable characters. It is not a number, has no space at its ends, does not begin with -, and does not look like a key.

Examples:
  ocgo-key add Work
  pass show opencode/work | ocgo-key add Work`
}

func (c *addCmd) Run(a *app) error {
	pool, err := a.pool()
	if err != nil {
		return err
	}
	accounts := a.accounts(pool)
	label, err := accounts.FreeLabel(context.Background(), c.Label)
	if err != nil {
		return err
	}
	if err := accounts.Reach(label); err != nil {
		return err
	}
	key, err := a.readKey("Key of " + label + ": ")
	if err != nil {
		return err
	}
	id, err := accounts.Add(context.Background(), label, key, c.NoVerify)
	if err != nil {
		return err
	}
	if err := a.stored("added", label, id); err != nil || a.JSON {
		return err
	}
	sayLimited(a, pool, id)
	return nil
}

// sayLimited prints a note if the new account is in cooldown.
func sayLimited(a *app, pool *rotation.Pool, id string) {
	o, err := pool.Overview(context.Background())
	if err != nil {
		return
	}
	for _, v := range o.Accounts {
		if v.ID == id && v.Condition.State == rotation.Cooling {
			a.Say("%s is %s", v.Label, conditionText(v.Condition, time.Now()))
		}
	}
}
