package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/install"
	"ocgo-key/internal/text"
)

// openCodeCheck checks the OpenCode that `ocgo-key run` would start.
type openCodeCheck struct{ *examination }

func (e openCodeCheck) checkOpenCode(r *Result) {
	w, err := install.Find(e.Getenv)
	if err != nil {
		r.found(Problem, `export HOME=~`, "cannot tell where OpenCode keeps its files: %v", err)
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
		err = nil // on a busy machine this is not a fault, since the version is known
	}
	switch {
	case err != nil && ctx.Err() != nil:
		r.found(Problem, "npm install -g opencode-ai", "%s does not print its version within %v", path, serviceLimit)
	case err != nil:
		r.found(Problem, "npm install -g opencode-ai", "%s does not run: %v", path, err)
	case unread != nil:
		r.found(Problem, "ls -l "+text.Quote(path), "%v", unread)
	default:
		o := e.openCode(p)
		o.versions(r)
		o.proxies(r)
		o.background(e.ctx, r)
	}
}

// openCode is one OpenCode and its environment.
type openCode struct {
	getenv func(string) string
	home   string // the user's home folder
	// program is the opencode on PATH; its Generation is 0 if there is none or it is unknown.
	program opencode.Program
	// pooled reports whether plain `opencode` uses the pool, by the plugin or by the shim.
	pooled bool
}

// otherKey returns the level of a finding about a key outside the pool, and a text that says
// whether OpenCode uses it.
func (o *openCode) otherKey() (level, effect string) {
	if o.pooled {
		return Note, "it is not used, and can be read by an agent's tools"
	}
	return Problem, "plain `opencode` uses it and not the pool"
}

// oldest is the oldest OpenCode version that works with a gateway.
const oldest = "1.0.0"

// versions reports an OpenCode that is too old, or was not tested with ocgo-key.
func (o *openCode) versions(r *Result) {
	switch p := o.program; {
	case p.Version != "" && opencode.Older(p.Version, oldest):
		r.found(Problem, text.Quote(p.Path)+" upgrade", "%s is OpenCode %s; the gateway needs %s or newer", p.Path, p.Version, oldest)
	case p.Untested() != "":
		r.found(Note, "ocgo-key run -- opencode run hi", "%s", p.Untested())
	}
}
