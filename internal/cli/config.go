package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

type configCmd struct {
	Name  string  `arg:"" optional:"" complete:"setting" help:"The setting: strategy, ahead, store or identity. Left out: all are listed."`
	Value *string `arg:"" optional:"" complete:"value" help:"What to set it to. Left out: its value is printed."`
	Unset bool    `help:"Back to the default."`
}

func (*configCmd) Help() string {
	return `Settings are for the whole pool, and running gateways go by them from their next request on.

strategy: which account a process gets, of those that are ready.

  - round-robin: the one after the last that was handed out. The default: many processes share the pool evenly, and no numbers are needed.
  - most-left: the one whose fullest limit is used least, by the last known usage. For accounts that are used from elsewhere as well, or are unlike.
  - fill-first: the first in the list, until it is limited. For accounts that you would rather keep for later, last in the list.

ahead: at how many percent used of a limit a process moves to an account with more left, from 1 to 99; 0 is off, the default: a process keeps its account up to the limit, because a move costs the prompt cache.

store: where the keys are kept. With accounts there it is changed by migrate, which moves their keys.

identity: the file of the age identity that opens the store "file".

docs/strategies.md has a simulated month of each strategy.

Examples:
  ocgo-key config
  ocgo-key config strategy most-left
  ocgo-key config ahead 95
  ocgo-key config --unset strategy`
}

// changes reports whether the command is about to change a setting.
func (c *configCmd) changes() bool { return c.Value != nil || c.Unset }

// setting is one of the user's choices. Its default is the zero value of its field in rotation.Settings.
type setting struct {
	name   string
	values string // for people: which there are
	value  func(rotation.Settings) any
	isSet  func(rotation.Settings) bool
	set    func(s *rotation.Settings, value string) bool // not ok: no such value
	unset  func(*rotation.Settings)
	note   func(rotation.Settings) string // what else there is to say of the value; may be nil
	// refuse says why the pool as it is cannot have the setting changed to that; may be nil.
	refuse func(o rotation.Overview, to rotation.Settings) error
}

var settings = []setting{
	{
		name: "strategy", values: strings.Join(rotation.Strategies(), ", "),
		value: func(s rotation.Settings) any {
			if s.Strategy == "" {
				return rotation.Strategies()[0]
			}
			return text.OneLine(s.Strategy)
		},
		isSet: func(s rotation.Settings) bool { return s.Strategy != "" },
		set: func(s *rotation.Settings, value string) bool {
			s.Strategy = value
			return slices.Contains(rotation.Strategies(), value)
		},
		unset: func(s *rotation.Settings) { s.Strategy = "" },
		note: func(s rotation.Settings) string {
			if s.Strategy == "" || slices.Contains(rotation.Strategies(), s.Strategy) {
				return ""
			}
			return "not known to this version, which goes by " + rotation.Strategies()[0]
		},
	},
	{
		name: "ahead", values: fmt.Sprintf("0 (off), or a percentage from 1 to %d", rotation.MaxAhead),
		value: func(s rotation.Settings) any { return s.Ahead },
		isSet: func(s rotation.Settings) bool { return s.Ahead != 0 },
		set: func(s *rotation.Settings, value string) bool {
			if value == "off" {
				value = "0"
			}
			n, err := strconv.Atoi(value)
			s.Ahead = n
			return err == nil && n >= 0 && n <= rotation.MaxAhead
		},
		unset: func(s *rotation.Settings) { s.Ahead = 0 },
	},
	storeSetting, identitySetting,
}

func settingNames() string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

// settingJSON is a setting as `config --json` shows it.
type settingJSON struct {
	Name   string `json:"name"`
	Value  any    `json:"value"`
	Source string `json:"source"` // "default" or "set"
}

func (s setting) json(now rotation.Settings) settingJSON {
	source := "default"
	if s.isSet(now) {
		source = "set"
	}
	return settingJSON{s.name, s.value(now), source}
}

func (c *configCmd) Run(a *app) error {
	if c.Unset && (c.Name == "" || c.Value != nil) {
		return hint.Input("--unset goes with the name of a setting alone; there are: %s", settingNames())
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	if c.Name == "" {
		return listSettings(a, pool)
	}
	at := slices.IndexFunc(settings, func(s setting) bool { return s.name == c.Name })
	if at < 0 {
		return hint.Input("there is no setting %q; there are: %s", c.Name, settingNames())
	}
	s := settings[at]
	if c.changes() {
		return configure(a, pool, s, c.Value)
	}
	o, err := pool.Overview(context.Background())
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Document(s.json(o.Settings))
	}
	return a.Print("%v\n", s.value(o.Settings))
}

// change sets a setting, or with no value takes it back to its default.
func configure(a *app, pool *rotation.Pool, s setting, value *string) error {
	if value != nil && !s.set(new(rotation.Settings), *value) {
		return hint.Input("%s cannot be %q; it can be: %s", s.name, *value, s.values)
	}
	o, err := pool.Overview(context.Background())
	if err != nil {
		return err
	}
	alter := func(to *rotation.Settings) {
		if value == nil {
			s.unset(to)
		} else {
			s.set(to, *value)
		}
	}
	if now := o.Settings; s.refuse != nil {
		alter(&now)
		if err := s.refuse(o, now); err != nil {
			return err
		}
	}
	var now rotation.Settings
	err = pool.Configure(context.Background(), func(to *rotation.Settings) {
		alter(to)
		now = *to
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Document(s.json(now))
	}
	a.Say("%s is now %v", s.name, s.value(now))
	if s.note != nil && s.note(now) != "" {
		a.Say("%s", s.note(now))
	}
	return nil
}

func listSettings(a *app, pool *rotation.Pool) error {
	o, err := pool.Overview(context.Background())
	if err != nil {
		return err
	}
	all := make([]settingJSON, len(settings))
	for i, s := range settings {
		all[i] = s.json(o.Settings)
	}
	if a.JSON {
		return a.Document(map[string][]settingJSON{"settings": all})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for i, s := range all {
		if note := settings[i].note; note != nil && note(o.Settings) != "" {
			s.Source += " (" + note(o.Settings) + ")"
		}
		fmt.Fprintf(w, "%s\t%v\t%s\n", s.Name, s.Value, s.Source)
	}
	return w.Flush()
}
