package cli

import (
	"context"
	"fmt"
	"time"

	"ocgo-key/keychain"
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
	var id string
	err = a.withKey("Key of "+label+": ", func(key keychain.Secret) error {
		id, err = accounts.Add(context.Background(), label, key, c.NoVerify)
		return err
	})
	if err != nil {
		return err
	}
	if err := a.stored("added", label, id); err != nil || a.JSON {
		return err
	}
	sayAdded(a, pool, id)
	return nil
}

// sayAdded prints what the service said about a new account, and after the first account what to do
// next.
func sayAdded(a *app, pool *rotation.Pool, id string) {
	o, err := pool.Overview(context.Background())
	if err != nil {
		return
	}
	for _, v := range o.Accounts {
		if v.ID != id {
			continue
		}
		if v.Usage != nil {
			a.Say("checked with the service: %s", mostUsed(v.Usage.Windows))
		}
		if v.Condition.State == rotation.Cooling {
			a.Say("%s is %s", v.Label, conditionText(v.Condition, time.Now()))
		}
	}
	if len(o.Accounts) == 1 {
		a.Say("next: `ocgo-key add LABEL` adds another account, `ocgo-key run` starts OpenCode on the pool, and `ocgo-key install` makes plain opencode use it")
	}
}

// mostUsed returns the window of which most is used: "week 20 % used".
func mostUsed(windows map[string]rotation.KnownWindow) string {
	words, most := "nothing is used yet", 0
	for _, w := range windowNames {
		if percent := windows[w.name].Percent; percent > most {
			words, most = fmt.Sprintf("%s %d %% used", w.words, percent), percent
		}
	}
	return words
}
