package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/install"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// configCheck looks at OpenCode, and what stands in the pool's way there.
type configCheck struct{ *examination }

func (e configCheck) lookAtOpenCode(r *Result) {
	w, err := install.Find(e.Getenv)
	if err != nil {
		r.found(Problem, `export HOME=~`, "where OpenCode keeps its files is not known: %v", err)
		return
	}
	path, err := w.RealOpenCode()
	if err != nil {
		r.found(Problem, "npm install -g opencode-ai", "there is no opencode on PATH, so `ocgo-key run` has nothing to run")
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, serviceLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	p, unread := opencode.IdentifyRemembered(e.Getenv, path)
	p.Says(string(out))
	r.Well = fmt.Sprintf("%s, %s", p.Version, path)
	if ctx.Err() != nil && p.Version != "" {
		err = nil // the machine is busy, and what it is is known all the same
	}
	switch {
	case err != nil && ctx.Err() != nil:
		r.found(Problem, "npm install -g opencode-ai", "%s does not tell its version within %v", path, serviceLimit)
	case err != nil:
		r.found(Problem, "npm install -g opencode-ai", "%s does not run: %v", path, err)
	case unread != nil:
		r.found(Problem, "ls -l "+text.Quote(path), "%v", unread)
	default:
		around := e.around(p)
		r.take(around.Version(), around.Proxy(), around.Service(e.ctx))
	}
}

// lookAtConfig finds other keys and addresses that OpenCode may use in place of the pool's. Where plain `opencode` goes
// through the pool they do not win, and what is left to say is that a key lies about.
func (e configCheck) lookAtConfig(r *Result) {
	r.Well = "no other key or address stands in the pool's way"
	e.lookAtEnvironment(r)
	e.lookAtLogins(r)
	dir, err := os.Getwd()
	if err != nil {
		dir = e.home
	}
	paths := opencode.UserConfigs(e.Getenv, e.home, dir)
	for _, path := range paths {
		e.lookAtUserConfig(r, path)
	}
	around := e.around(e.program())
	r.take(around.Config(paths), around.Database(e.ctx))
	for _, path := range opencode.ManagedConfigs(runtime.GOOS, e.Getenv) {
		if text, ok := e.configText(r, path); ok {
			e.lookAtManaged(r, path, text)
		}
	}
	if path, text, ok := managedPreferences(e.ctx); ok {
		e.lookAtManaged(r, path, text)
	}
}

// rival is the level of another key, and what becomes of it.
func (e configCheck) rival() (level, effect string) {
	if e.plain().pooled {
		return Note, "it is not used, and can be read by an agent's tools"
	}
	return Problem, "plain `opencode` uses it and not the pool"
}

func (e configCheck) isKey(value string) bool {
	return value != "" && !strings.HasPrefix(value, keyform.StandIn)
}

func (e configCheck) lookAtEnvironment(r *Result) {
	level, effect := e.rival()
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

// stored counts the logins of entry that have a key of their own; entry empty means all.
func (e configCheck) stored(logins opencode.Logins, entry string) int {
	n := 0
	for _, login := range logins.Found {
		if (entry == "" || login.Entry == entry) && login.Problem == "" && e.isKey(login.Key.Reveal()) {
			n++
		}
	}
	return n
}

func (e configCheck) lookAtLogins(r *Result) {
	level, effect := e.rival()
	for _, path := range opencode.LoginFiles(e.Getenv, e.home) {
		data, ok := regular(path, opencode.MaxLoginFile)
		if !ok {
			continue
		}
		logins, err := opencode.ReadLogins(data, nil)
		switch {
		case err != nil:
		case filepath.Base(path) == opencode.AuthFile && e.stored(logins, opencode.GoProvider) > 0:
			r.found(level, "ocgo-key import --scrub", "%s has a login for OpenCode Go: %s", path, effect)
		case filepath.Base(path) != opencode.AuthFile && e.stored(logins, "") > 0:
			r.found(Note, "ocgo-key import --scrub", "%s holds %s in plain text, which an agent's tools can read", path, text.Count(e.stored(logins, ""), "key", "keys"))
		}
	}
}

// regular reads a file, if it is one and not too large.
func regular(path string, most int64) ([]byte, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil, false
	}
	text, err := os.ReadFile(path)
	return text, err == nil
}

// configText reads a configuration, and complains of one that OpenCode could not read either.
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

func (e configCheck) lookAtUserConfig(r *Result, path string) {
	data, ok := e.configText(r, path)
	if !ok {
		return
	}
	level, effect := e.rival()
	o, _ := opencode.ReadOverrides(data, keyform.StandIn) // it was read before
	switch {
	case o.Key == opencode.Literal && !o.StandsIn:
		r.found(level, "ocgo-key import --from "+text.Quote(path)+" --scrub", "%s sets %s: %s", path, o.Place("apiKey"), effect)
	case o.Any() && level == Problem:
		r.found(Problem, "ocgo-key install --yes", "%s sets %s (%s): %s", path, o.Where(), o.Names(), effect)
	case len(o.Headers) > 0:
		r.found(Note, editCommand(path), "%s sets %s (%s): the gateway passes no other key on, and an agent's tools can read it; take it out there",
			path, o.Where(), o.Names())
	}
	for _, name := range o.Env {
		if name != opencode.KeyVariable && e.isKey(e.Getenv(name)) { // that one is told of by itself
			r.found(level, editCommand(path), "%s names the variable %q for the key of OpenCode Go, and it is set: %s", path, name, effect)
		}
	}
}

// lookAtManaged is about what wins over all that a wrapper sets. A key there is harmless: the gateway is shown a token in a
// header of its own, and passes no other key on.
func (e configCheck) lookAtManaged(r *Result, path string, text []byte) {
	o, err := opencode.ReadOverrides(text, keyform.StandIn)
	if err != nil {
		return
	}
	if o.BaseURL {
		r.found(Problem, editCommand(path), "%s, a managed configuration, sets %s, which overrides the gateway of `ocgo-key run` "+
			"(not that of the plugin); it has to be taken out there", path, o.Place("baseURL"))
	}
}

// editCommand opens a file in the user's editor, as the administrator where that is needed.
func editCommand(path string) string {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_ = f.Close()
	}
	switch {
	case runtime.GOOS == "windows":
		return "notepad " + text.Quote(path)
	case err != nil:
		return "sudo -e " + text.Quote(path)
	}
	return "${EDITOR:-vi} " + text.Quote(path)
}
