package cli

import (
	"fmt"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/text"
)

type migrateCmd struct {
	To  string `required:"" placeholder:"STORE" complete:"store" help:"The new store: os, file or docker:NAME."`
	Yes bool   `short:"y" help:"Do not ask."`
}

func (*migrateCmd) Help() string {
	return `Copies each key to the other store and reads it back. Then it makes that store the current one (config store), and finally deletes the old copies. If it is interrupted, no key is lost; run the same command again to finish. --identity names the identity of the file store. It is saved too, unless it is a file descriptor.

Examples:
  age-keygen -o ~/.config/ocgo-key.txt
  ocgo-key migrate --to file --identity ~/.config/ocgo-key.txt
  ocgo-key migrate --to docker:pass
  ocgo-key migrate --to os`
}

// migratedJSON is the output of `migrate --json`. Scripts depend on its format.
type migratedJSON struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Moved   []string `json:"moved"`   // labels
	Missing []string `json:"missing"` // labels of accounts that have no key in either store
}

func (c *migrateCmd) Run(a *app) error {
	pool, err := a.pool()
	if err != nil {
		return err
	}
	moved, err := a.accounts(pool).Move(c.To, func(question string) error { return a.confirm(c.Yes, question) })
	switch {
	case err != nil:
		return err
	case a.JSON:
		return a.Document(migratedJSON{moved.From, moved.To, moved.Labels, moved.Missing})
	case moved.From == moved.To:
		a.Say("the keys are in %s", accounts.Place(moved.To))
		return nil
	}
	a.Say("moved %s from %s to %s", text.Count(len(moved.Labels), "key", "keys"), accounts.Place(moved.From), accounts.Place(moved.To))
	if name := a.getenv("OCGO_KEY_STORE"); name != "" && name != moved.To { // the variable overrides the saved setting
		a.Warn(fmt.Sprintf("OCGO_KEY_STORE is %q and overrides the saved setting", name), "`unset OCGO_KEY_STORE`, and remove it from your profile")
	}
	if moved.Beside {
		a.Warn("the identity is in the same folder as the keys it decrypts: a copy of that folder gives access to them",
			"keep it elsewhere, give it a passphrase (`age -p`), or pass it with --identity fd:N")
	}
	return nil
}
