package doctor

import (
	"runtime"
	"strings"
)

// proxies reports a proxy that would receive what OpenCode 2 sends to its own server on this
// machine. Source: docs/facts.md, "Processes".
func (o *openCode) proxies() []Finding {
	if o.program.Generation != 2 {
		return nil
	}
	for _, name := range []string{"HTTP_PROXY", "http_proxy"} {
		if o.getenv(name) == "" || o.spares("NO_PROXY") || o.spares("no_proxy") {
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
func (o *openCode) spares(variable string) bool {
	for _, host := range strings.Split(o.getenv(variable), ",") {
		if host = strings.TrimSpace(host); host == "127.0.0.1" || host == "*" {
			return true
		}
	}
	return false
}
