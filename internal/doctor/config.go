package doctor

import (
	"errors"
	"os"
	"runtime"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// configCheck looks for keys and addresses that OpenCode may use instead of the pool.
type configCheck struct{ *examination }

// checkConfig reports such keys and addresses. If plain `opencode` uses the pool, OpenCode ignores
// them; a key in plain text is then only a note.
func (e configCheck) checkConfig(r *Result) {
	r.Well = "no other key or address overrides the pool"
	e.checkEnvironment(r)
	e.checkLogins(r)
	dir, err := os.Getwd()
	if err != nil {
		dir = e.home
	}
	paths := opencode.UserConfigs(e.Getenv, e.home, dir)
	for _, path := range paths {
		e.checkUserConfig(r, path)
	}
	o := e.openCode(e.program())
	o.models(r, paths)
	o.database(e.ctx, r)
	for _, path := range opencode.ManagedConfigs(runtime.GOOS, e.Getenv) {
		if text, ok := e.configText(r, path); ok {
			e.checkManaged(r, path, text)
		}
	}
	if path, text, ok := managedPreferences(e.ctx); ok {
		e.checkManaged(r, path, text)
	}
}

// configText reads a configuration file. It reports a file that OpenCode cannot read.
func (e configCheck) configText(r *Result, path string) ([]byte, bool) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, false
	}
	text, ok := regular(path, opencode.MaxLoginFile)
	if !ok {
		return nil, false
	}
	if _, err := opencode.ReadOverrides(text, keyform.StandIn); err != nil {
		r.found(Problem, editCommand(path), "%s cannot be read (%v), so OpenCode does not start", path, err)
		return nil, false
	}
	return text, true
}

func (e configCheck) checkUserConfig(r *Result, path string) {
	data, ok := e.configText(r, path)
	if !ok {
		return
	}
	level, effect := e.openCode(e.program()).otherKey()
	o, _ := opencode.ReadOverrides(data, keyform.StandIn) // no error: configText has checked the text
	switch {
	case o.Key == opencode.Literal && !o.StandsIn:
		r.found(level, "ocgo-key import --from "+text.Quote(path)+" --scrub", "%s sets %s: %s", path, o.Place("apiKey"), effect)
	case o.Any() && level == Problem:
		r.found(Problem, "ocgo-key install --yes", "%s sets %s (%s): %s", path, o.Where(), o.Names(), effect)
	case len(o.Headers) > 0:
		r.found(Note, editCommand(path), "%s sets %s (%s): the gateway passes no other key on, and an agent's tools can read it; remove it there",
			path, o.Where(), o.Names())
	}
	for _, name := range o.Env {
		if name != opencode.KeyVariable && e.isKey(e.Getenv(name)) { // checkEnvironment reports KeyVariable
			r.found(level, editCommand(path), "%s names the variable %q for the key of OpenCode Go, and it is set: %s", path, name, effect)
		}
	}
}

// checkManaged reports an address in a managed configuration, which overrides everything that `run`
// sets. A key in it is harmless: the gateway reads its token from a separate header, and forwards
// no other key.
func (e configCheck) checkManaged(r *Result, path string, text []byte) {
	o, err := opencode.ReadOverrides(text, keyform.StandIn)
	if err != nil {
		return
	}
	if o.BaseURL {
		r.found(Problem, editCommand(path), "%s, a managed configuration, sets %s, so requests under `ocgo-key run` "+
			"bypass the gateway (with the plugin they do not); remove the setting", path, o.Place("baseURL"))
	}
}

// models reports settings for single models in the user's configurations. OpenCode prefers them to
// the settings of the provider.
func (o *openCode) models(r *Result, paths []string) {
	for _, path := range paths {
		text, ok := regular(path, opencode.MaxLoginFile)
		if !ok {
			continue
		}
		for _, m := range opencode.ModelOverrides(text, keyform.StandIn) {
			level, effect := o.otherKey()
			if level == Note {
				effect = "the pool's setting is used instead"
			}
			r.found(level, editCommand(path), "%s sets %s only for model %s: %s", path, strings.Join(m.Names, " and "), m.Model, effect)
		}
	}
}
