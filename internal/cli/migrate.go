package cli

import (
	"fmt"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/text"
)

type migrateCmd struct {
	To  string `required:"" placeholder:"STORE" complete:"store" help:"Where to: os, file or docker:NAME."`
	Yes bool   `short:"y" help:"Do not ask."`
}

func (*migrateCmd) Help() string {
	return `Copies each key to the other store and reads it back; then the other store is the one that is used, and is remembered (config store); only then the old ones are deleted. Cut short at any point, it has lost nothing, and the same command finishes it.

--identity names the identity of the file store, and is remembered too, unless it is a descriptor.

Examples:
  age-keygen -o ~/.config/ocgo-key.txt
  ocgo-key migrate --to file --identity ~/.config/ocgo-key.txt
  ocgo-key migrate --to docker:pass
  ocgo-key migrate --to os`
}

// The shape of `migrate --json` is a contract.
type migratedJSON struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Moved   []string `json:"moved"`   // labels
	Missing []string `json:"missing"` // labels of accounts without a key in either store
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
	if name := a.getenv("OCGO_KEY_STORE"); name != "" && name != moved.To { // it wins over what is remembered
		a.Warn(fmt.Sprintf("OCGO_KEY_STORE is %q, and wins over what is remembered", name), "`unset OCGO_KEY_STORE`, and take it out of where it is set")
	}
	if moved.Beside {
		a.Warn("the identity lies beside the keys that it opens: whoever copies that folder has them",
			"keep it elsewhere, give it a passphrase (`age -p`), or hand it over with --identity fd:N")
	}
	return nil
}
