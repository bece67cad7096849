package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

type configCmd struct {
	Name  string  `arg:"" optional:"" complete:"setting" help:"The setting: strategy, ahead, store, identity, or tier of an account. Default: list all."`
	Value *string `arg:"" optional:"" complete:"value" help:"The new value; after tier, the account. Default: print the current one."`
	Tier  *int    `arg:"" optional:"" name:"n" help:"The tier of the account, from 1 to 9."`
	Unset bool    `help:"Restore the default."`
}

func (*configCmd) Help() string {
	return `Settings apply to the whole pool. Running gateways use them from their next request on.

strategy: which account a process gets, of those that are ready.

  - round-robin (the default): the account after the last one that was handed out. Many processes share the pool evenly, and no usage numbers are needed.
  - most-left: the account with the most left of its tightest limit, by the last known usage. Use it if the accounts are also used elsewhere or differ in size.
  - fill-first: the first account in the list, until it is limited. Use it to save some accounts for later, and put them last in the list.

ahead: the percentage of a limit, from 1 to 99, at which a process switches to an account with more left. 0 (the default) turns this off: a process keeps its account up to the limit, because a switch loses the prompt cache.

tier: accounts of tier 2 are a reserve. They are handed out only while no account of tier 1 is ready. New processes return to tier 1 when it has a ready account. tier NAME N sets the tier of one account. A new account is in tier 1.

store: where the keys are kept. Once there are accounts, use migrate to change it: it moves their keys.

identity: the file of the age identity that opens the store "file".

docs/strategies.md has a simulated month of each strategy.

Examples:
  ocgo-key config
  ocgo-key config strategy most-left
  ocgo-key config ahead 95
  ocgo-key config tier Spare 2
  ocgo-key config --unset strategy`
}

// changes reports whether the command would change a setting.
func (c *configCmd) changes() bool { return c.Value != nil || c.Unset }

// settingJSON is a setting as `config --json` shows it.
type settingJSON struct {
	Name   string `json:"name"`
	Value  any    `json:"value"`
	Source string `json:"source"` // "default" or "set"
}

func settingDocument(s accounts.Setting, now rotation.Settings) settingJSON {
	source := "default"
	if s.IsSet(now) {
		source = "set"
	}
	return settingJSON{s.Name, s.Value(now), source}
}

func (c *configCmd) Run(a *app) error {
	if c.Unset && (c.Name == "" || c.Value != nil && c.Name != "tier" || c.Tier != nil) {
		return hint.Input("--unset takes only the name of a setting: %s", accounts.SettingNames())
	}
	pool, o, err := a.overview()
	if err != nil {
		return err
	}
	switch {
	case c.Name == "":
		return listSettings(a, o)
	case c.Name == "tier":
		return c.tier(a, pool, o)
	case c.Tier != nil:
		return hint.Input("%s takes one value", c.Name)
	}
	s, err := accounts.FindSetting(c.Name)
	if err != nil {
		return err
	}
	if c.changes() {
		return configure(a, pool, s, c.Value)
	}
	if a.JSON {
		return a.Document(settingDocument(s, o.Settings))
	}
	return a.Print("%v\n", s.Value(o.Settings))
}

// tierJSON is the tier of an account as `config tier --json` shows it.
type tierJSON struct {
	Account string `json:"account"`
	Tier    int    `json:"tier"`
}

// tier shows the tiers of all accounts or of one, or sets one.
func (c *configCmd) tier(a *app, pool *rotation.Pool, o rotation.Overview) error {
	if c.Value == nil {
		all := make([]tierJSON, len(o.Accounts))
		for i, v := range o.Accounts {
			all[i] = tierJSON{v.Label, v.Tier}
		}
		if a.JSON {
			return a.Document(map[string][]tierJSON{"tiers": all})
		}
		for _, t := range all {
			if err := a.Print("%d\t%s\n", t.Tier, text.OneLine(t.Account)); err != nil {
				return err
			}
		}
		return nil
	}
	v, err := o.Find(*c.Value)
	if err != nil {
		return err
	}
	if n := c.Tier; n != nil || c.Unset {
		if v.Tier = 1; n != nil {
			v.Tier = *n
		}
		if err := pool.SetTier(context.Background(), v.ID, v.Tier); err != nil {
			return hint.As(hint.ErrInput, hint.On(err, fmt.Sprintf("a tier is a number from 1 to %d", rotation.MaxTier)))
		}
		if !a.JSON {
			a.Say("%s is now in tier %d", v.Label, v.Tier)
			return nil
		}
	}
	if a.JSON {
		return a.Document(tierJSON{v.Label, v.Tier})
	}
	return a.Print("%d\n", v.Tier)
}

// configure changes a setting. If value is nil, it restores the default.
func configure(a *app, pool *rotation.Pool, s accounts.Setting, value *string) error {
	ctx, cancel := a.budget().Context()
	defer cancel()
	now, err := s.Change(ctx, pool, a.keys(), value)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Document(settingDocument(s, now))
	}
	a.Say("%s is now %v", s.Name, s.Value(now))
	if now.Store != "" && (s.Name == "store" || s.Name == "identity") {
		a.Say("keys go to %s", a.keys().Described(now.Store, now))
	}
	if note := s.Note(now); note != "" {
		a.Say("%s", note)
	}
	return nil
}

func listSettings(a *app, o rotation.Overview) error {
	settings := accounts.Settings()
	all := make([]settingJSON, len(settings))
	for i, s := range settings {
		all[i] = settingDocument(s, o.Settings)
	}
	if a.JSON {
		return a.Document(map[string][]settingJSON{"settings": all})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for i, s := range all {
		if note := settings[i].Note(o.Settings); note != "" {
			s.Source += " (" + note + ")"
		}
		fmt.Fprintf(w, "%s\t%v\t%s\n", s.Name, s.Value, s.Source)
	}
	return w.Flush()
}
