package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// A Setting is a user setting that applies to the whole pool. Its default is the zero value of its
// field in rotation.Settings.
type Setting struct {
	Name   string
	Values string // the possible values, for messages
	// Value returns the value for messages and JSON: a string or an int.
	Value func(rotation.Settings) any
	// IsSet reports whether the user has set the value.
	IsSet func(rotation.Settings) bool

	set   func(s *rotation.Settings, value string) (ok bool)
	unset func(*rotation.Settings)
	note  func(rotation.Settings) string // may be nil
	// refuse returns an error if the pool cannot use these settings; may be nil.
	refuse func(o rotation.Overview, to rotation.Settings) error
}

// Note returns a remark about the value; empty if there is none.
func (s Setting) Note(now rotation.Settings) string {
	if s.note == nil {
		return ""
	}
	return s.note(now)
}

// Settings returns all settings in the order of `ocgo-key config`.
func Settings() []Setting {
	return []Setting{strategySetting, aheadSetting, storeSetting, identitySetting}
}

// SettingNames lists the names of all settings, for messages.
func SettingNames() string {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// FindSetting returns the setting called name.
func FindSetting(name string) (Setting, error) {
	for _, s := range Settings() {
		if s.Name == name {
			return s, nil
		}
	}
	return Setting{}, hint.Input("there is no setting %q; there are: %s", name, SettingNames())
}

// Change changes the setting in the pool, or resets it to its default if value is nil. It returns
// the new settings. If the user did not choose the current store, Change does not refuse the
// change, and cancels a move of the keys.
func (s Setting) Change(ctx context.Context, pool *rotation.Pool, keys *Keys, value *string) (now rotation.Settings, err error) {
	if value != nil && !s.set(new(rotation.Settings), *value) {
		return now, hint.Input("%s cannot be %q; it can be: %s", s.Name, *value, s.Values)
	}
	change := func(to *rotation.Settings) {
		if value == nil {
			s.unset(to)
		} else {
			s.set(to, *value)
		}
	}
	if s.refuse != nil {
		o, err := pool.Overview(ctx)
		if err != nil {
			return now, err
		}
		to := o.Settings
		change(&to)
		if err := keys.CheckConfirmed(ctx, o.Settings, o.Settings.Store, o.Settings.Move.From, o.Settings.Move.To); errors.Is(err, ErrNotChosen) {
			set := change
			change = func(to *rotation.Settings) {
				set(to)
				to.Move = rotation.KeyMove{}
			}
		} else if err := s.refuse(o, to); err != nil {
			return now, err
		}
	}
	err = pool.Configure(ctx, func(to *rotation.Settings) {
		change(to)
		now = *to
	})
	if err == nil && value != nil && (s.Name == storeSetting.Name || s.Name == identitySetting.Name) {
		keys.Confirm(ctx, now.Store, now)
	}
	return now, err
}

var strategySetting = Setting{
	Name: "strategy", Values: strings.Join(rotation.Strategies(), ", "),
	Value: func(s rotation.Settings) any { return text.OneLine(cmp.Or(s.Strategy, rotation.Strategies()[0])) },
	IsSet: func(s rotation.Settings) bool { return s.Strategy != "" },
	set: func(s *rotation.Settings, value string) bool {
		s.Strategy = value
		return slices.Contains(rotation.Strategies(), value)
	},
	unset: func(s *rotation.Settings) { s.Strategy = "" },
	note: func(s rotation.Settings) string {
		if s.Strategy == "" || slices.Contains(rotation.Strategies(), s.Strategy) {
			return ""
		}
		return "not known to this version, which uses " + rotation.Strategies()[0]
	},
}

var aheadSetting = Setting{
	Name: "ahead", Values: fmt.Sprintf("0 (off), or a percentage from 1 to %d", rotation.MaxAhead),
	Value: func(s rotation.Settings) any { return s.Ahead },
	IsSet: func(s rotation.Settings) bool { return s.Ahead != 0 },
	set: func(s *rotation.Settings, value string) bool {
		if value == "off" {
			value = "0"
		}
		n, err := strconv.Atoi(value)
		s.Ahead = n
		return err == nil && n >= 0 && n <= rotation.MaxAhead
	},
	unset: func(s *rotation.Settings) { s.Ahead = 0 },
}

// storeSetting is the store to use if the command line names none. If the pool has accounts, only
// Move can change it.
var storeSetting = Setting{
	Name: "store", Values: StoreNames,
	Value: func(s rotation.Settings) any { return text.OneLine(new(Choice).StoreIn(s)) },
	IsSet: func(s rotation.Settings) bool { return s.Store != "" },
	set: func(s *rotation.Settings, value string) bool {
		s.Store = value
		return CheckStore(value) == nil
	},
	unset: func(s *rotation.Settings) { s.Store = "" },
	note: func(s rotation.Settings) string {
		switch {
		case s.Move != rotation.KeyMove{}:
			return fmt.Sprintf("a move from %s to %s was interrupted", text.OneLine(s.Move.From), text.OneLine(s.Move.To))
		case s.Store != "" && CheckStore(s.Store) != nil:
			return "not known to this version"
		}
		return ""
	},
	refuse: func(o rotation.Overview, to rotation.Settings) error {
		var remembered Choice
		now, then := remembered.StoreIn(o.Settings), remembered.StoreIn(to)
		switch {
		case o.Settings.Move != rotation.KeyMove{}:
			return hint.On(fmt.Errorf("a move of the keys from %s to %s was interrupted", Place(o.Settings.Move.From), Place(o.Settings.Move.To)),
				"`ocgo-key migrate --to "+text.Quote(o.Settings.Move.To)+"` finishes it")
		case now != then && len(o.Accounts) > 0:
			return hint.On(fmt.Errorf("the keys of %s are in %s", text.Count(len(o.Accounts), "account", "accounts"), Place(now)),
				"`ocgo-key migrate --to "+text.Quote(then)+"` moves them")
		}
		return nil
	},
}

// identitySetting is the identity to use if neither the command line nor systemd names one.
var identitySetting = Setting{
	Name: "identity", Values: "the path of a file",
	Value: func(s rotation.Settings) any { return text.OneLine(cmp.Or(s.Identity, "none")) },
	IsSet: func(s rotation.Settings) bool { return s.Identity != "" },
	set: func(s *rotation.Settings, value string) bool {
		var ok bool
		s.Identity, ok = rememberable(value)
		return ok
	},
	unset: func(s *rotation.Settings) { s.Identity = "" },
	note: func(s rotation.Settings) string {
		if _, err := os.Stat(s.Identity); s.Identity != "" && errors.Is(err, os.ErrNotExist) {
			return "there is no such file yet"
		}
		return ""
	},
}

// rememberable returns the absolute path of an identity, if the settings can store it. They can't
// store a file descriptor, since the next process does not have it.
func rememberable(identity string) (path string, ok bool) {
	for _, passing := range []string{"fd:", "/dev/fd/", "/dev/std", "/proc/"} {
		if strings.HasPrefix(identity, passing) {
			return "", false
		}
	}
	path, err := filepath.Abs(identity)
	return path, err == nil && identity != ""
}
