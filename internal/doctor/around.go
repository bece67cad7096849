package doctor

import (
	"runtime"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/text"
)

// Around is what checks of OpenCode look at.
type Around struct {
	Getenv func(string) string
	Home   string // the user's home folder
	// Program is the opencode on PATH; its Generation is 0 where there is none, or it is not known.
	Program opencode.Program
	// Pooled says that plain `opencode` uses the pool, by the plugin or by the shim.
	Pooled bool
	// StandIn is how that begins which stands for the pool where a key would.
	StandIn string
	// Edit makes a command that opens a file in the user's editor.
	Edit func(string) string
}

// rival is the level of another key than the pool's, and what becomes of it.
func (a *Around) rival() (level, effect string) {
	if a.Pooled {
		return Note, "it is not used, and can be read by an agent's tools"
	}
	return Problem, "plain `opencode` uses it and not the pool"
}

// oldest is the oldest OpenCode whose configuration can be pointed at a gateway, as far as it was tried.
const oldest = "1.0.0"

// Version is about an OpenCode that nobody tried with ocgo-key, or that is too old.
func (a *Around) Version() []Finding {
	switch p := a.Program; {
	case p.Version != "" && opencode.Older(p.Version, oldest):
		return []Finding{of(Problem, text.Quote(p.Path)+" upgrade", p.Path+" is OpenCode "+p.Version+"; the gateway needs "+oldest+" or newer")}
	case p.Untried() != "":
		return []Finding{of(Note, "ocgo-key run -- opencode run hi", p.Untried())}
	}
	return nil
}

// Proxy is about a proxy that OpenCode 2's client sends even its calls to its own server to. Source: docs/facts.md,
// "Processes".
func (a *Around) Proxy() []Finding {
	if a.Program.Generation != 2 {
		return nil
	}
	for _, name := range []string{"HTTP_PROXY", "http_proxy"} {
		if a.Getenv(name) == "" || a.spares("NO_PROXY") || a.spares("no_proxy") {
			continue
		}
		mend := `export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"`
		if runtime.GOOS == "windows" {
			mend = `$env:NO_PROXY = "127.0.0.1,localhost,$env:NO_PROXY"`
		}
		return []Finding{of(Problem, mend, name+" is set and NO_PROXY does not name 127.0.0.1: OpenCode 2 sends what is meant for its own server to that proxy, and does not start; `ocgo-key run` sees to it, plain `opencode` does not")}
	}
	return nil
}

// spares reports whether the variable keeps this machine's address from the proxy.
func (a *Around) spares(variable string) bool {
	for _, host := range strings.Split(a.Getenv(variable), ",") {
		if host = strings.TrimSpace(host); host == "127.0.0.1" || host == "*" {
			return true
		}
	}
	return false
}
