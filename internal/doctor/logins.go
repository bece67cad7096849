package doctor

import (
	"path/filepath"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// isKey reports whether value may be one of the user's own keys.
func (e configCheck) isKey(value string) bool {
	return value != "" && !strings.HasPrefix(value, keyform.StandIn)
}

func (e configCheck) checkEnvironment(r *Result) {
	level, effect := e.openCode(e.program()).otherKey()
	if e.isKey(e.Getenv(opencode.KeyVariable)) {
		r.found(level, "unset "+opencode.KeyVariable, "%s holds a key: %s; it also makes OpenCode offer Zen, which spends balance", opencode.KeyVariable, effect)
	}
	if logins, err := opencode.ReadLogins([]byte(e.Getenv(opencode.LoginVariable)), nil); err == nil && e.stored(logins, opencode.GoProvider) > 0 {
		r.found(level, "unset "+opencode.LoginVariable, "%s holds a key for OpenCode Go: %s", opencode.LoginVariable, effect)
	}
	content := e.Getenv(opencode.ConfigVariable)
	o, err := opencode.ReadOverrides([]byte(content), keyform.StandIn)
	switch {
	case err != nil:
		r.found(Problem, "unset "+opencode.ConfigVariable, "%s cannot be read (%v): neither `ocgo-key run` nor OpenCode starts with it", opencode.ConfigVariable, err)
	case o.Any() && !o.StandsIn && level == Problem:
		r.found(Problem, "unset "+opencode.ConfigVariable, "%s sets an address or a key for OpenCode Go: %s", opencode.ConfigVariable, effect)
	case o.Key == opencode.Literal && !o.StandsIn:
		r.found(Note, "unset "+opencode.ConfigVariable, "%s holds a key: %s", opencode.ConfigVariable, effect)
	}
}

// stored returns the number of logins with one of the user's own keys: those of entry, or all if
// entry is empty.
func (e configCheck) stored(logins opencode.Logins, entry string) int {
	n := 0
	for _, login := range logins.Found {
		if (entry == "" || login.Entry == entry) && login.Problem == "" && e.isKey(login.Key.Reveal()) {
			n++
		}
	}
	return n
}

func (e configCheck) checkLogins(r *Result) {
	level, effect := e.openCode(e.program()).otherKey()
	for _, path := range opencode.LoginFiles(e.Getenv, e.home) {
		data, ok := regular(path, opencode.MaxLoginFile)
		if !ok {
			continue
		}
		logins, err := opencode.ReadLogins(data, nil)
		isAuth := filepath.Base(path) == opencode.AuthFile
		switch {
		case err != nil:
		case isAuth && e.stored(logins, opencode.GoProvider) > 0:
			r.found(level, "ocgo-key import --scrub", "%s has a login for OpenCode Go: %s", path, effect)
		case !isAuth && e.stored(logins, "") > 0:
			r.found(Note, "ocgo-key import --scrub", "%s holds %s in plain text, which an agent's tools can read", path, text.Count(e.stored(logins, ""), "key", "keys"))
		}
	}
}
