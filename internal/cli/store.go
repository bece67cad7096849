package cli

import (
	"errors"
	"fmt"
	"os"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// storeSetting is the store that is used where --store does not name one.
var storeSetting = setting{
	name: "store", values: accounts.StoreNames,
	value: func(s rotation.Settings) any {
		if s.Store == "" {
			return accounts.OSStore
		}
		return text.OneLine(s.Store)
	},
	isSet: func(s rotation.Settings) bool { return s.Store != "" },
	set: func(s *rotation.Settings, value string) bool {
		s.Store = value
		return accounts.CheckStore(value) == nil
	},
	unset: func(s *rotation.Settings) { s.Store = "" },
	note: func(s rotation.Settings) string {
		switch {
		case s.Move != rotation.KeyMove{}:
			return fmt.Sprintf("a move from %s to %s was cut short", text.OneLine(s.Move.From), text.OneLine(s.Move.To))
		case s.Store != "" && accounts.CheckStore(s.Store) != nil:
			return "not known to this version"
		}
		return ""
	},
	refuse: accounts.CheckStoreChange,
}

// identitySetting is the identity that is used where neither --identity nor systemd names one.
var identitySetting = setting{
	name: "identity", values: "the path of a file",
	value: func(s rotation.Settings) any {
		if s.Identity == "" {
			return "none"
		}
		return text.OneLine(s.Identity)
	},
	isSet: func(s rotation.Settings) bool { return s.Identity != "" },
	set: func(s *rotation.Settings, value string) bool {
		var ok bool
		s.Identity, ok = accounts.Rememberable(value)
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
