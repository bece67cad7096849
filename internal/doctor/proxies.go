package doctor

import (
	"runtime"
	"slices"
	"strings"
)

// proxies reports a proxy that would get the requests of OpenCode 2 to its own server on this
// machine. Source: docs/facts.md, "Processes".
func (o *openCode) proxies(r *Result) {
	if o.program.Generation != 2 {
		return
	}
	for _, name := range []string{"HTTP_PROXY", "http_proxy"} {
		if o.getenv(name) == "" || o.exempts("NO_PROXY") || o.exempts("no_proxy") {
			continue
		}
		fix := `export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"`
		if runtime.GOOS == "windows" {
			fix = `$env:NO_PROXY = "127.0.0.1,localhost,$env:NO_PROXY"`
		}
		r.found(Problem, fix, "%s is set and NO_PROXY does not name 127.0.0.1: OpenCode 2 sends the requests for its own server to that proxy, and does not start; only under `ocgo-key run` NO_PROXY is set", name)
		return
	}
}

// exempts reports whether the variable exempts 127.0.0.1 from the proxy.
func (o *openCode) exempts(variable string) bool {
	return slices.ContainsFunc(strings.Split(o.getenv(variable), ","), func(host string) bool {
		host = strings.TrimSpace(host)
		return host == "127.0.0.1" || host == "*"
	})
}
