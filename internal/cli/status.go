package cli

import (
	"time"

	"ocgo-key/rotation"
)

type statusCmd struct {
	Watch   bool `short:"w" help:"Show a live screen, with keys to rotate, enable and disable."`
	Offline bool `help:"Show the last known numbers at once, without contacting the service or the keychain."`
	Plain   bool `help:"Sentences instead of bars, for a screen reader; also used when TERM is dumb."`
}

func (*statusCmd) Help() string {
	return `Shows for each account its state, how much of the three usage limits is used, when each limit resets, and which processes hold the account. ">" marks the account that a new process gets. The last lines say how the next account is picked and how old the numbers are. It first asks the service, for at most 3 s. If that fails, stderr says why, the last known numbers are shown, and the exit code is still 0.

On a terminal the picture has colours and the width of the terminal. A pipe gets the same picture without colour, with 80 or $COLUMNS columns; --plain prints sentences. Bars are made of # and . where the locale is not UTF-8.

--watch shows the pool until you press q. Up and down select an account. r skips the account that is next, as ocgo-key rotate does; e enables and d disables the selected account; u asks the service now (otherwise every 5 minutes); ? shows the keys.

--json prints what list --json prints, with "usage" (null: not known yet) and "asked_at" for each account.

Examples:
  ocgo-key status
  ocgo-key status --offline --json
  ocgo-key status --watch`
}

func (c *statusCmd) Run(a *app) error {
	if c.Watch {
		return c.watch(a)
	}
	pool, o, err := a.overview()
	if err != nil {
		return err
	}
	if !c.Offline && len(o.Accounts) > 0 {
		if o, err = a.refresh(pool); err != nil {
			return err
		}
	}
	if a.JSON {
		return a.Document(statusDocument(o))
	}
	if len(o.Accounts) == 0 {
		a.Complain(rotation.ErrEmpty, "add one with `ocgo-key add LABEL`")
		return nil
	}
	l := a.layout()
	if c.Plain || l.plain {
		return a.Print("%s", plainStatus(o, time.Now()))
	}
	return a.Print("%s", draw(o, time.Now(), l))
}
