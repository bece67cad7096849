package cli

import (
	"runtime"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/text"
	"ocgo-key/internal/version"
)

type versionCmd struct{}

func (*versionCmd) Help() string {
	return `Prints the version, the Go version it was built with, and the system it is for. With --verbose also the OpenCode that is first on PATH.

Examples:
  ocgo-key version
  ocgo-key version --verbose
  ocgo-key version --json`
}

func (*versionCmd) Run(a *app) error {
	v := version.String()
	document := versionJSON{Version: v, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	var line string
	if a.Verbose {
		document.OpenCode, line = whichOpenCode(a)
	}
	if a.JSON {
		return a.Document(document)
	}
	return a.Print("ocgo-key %s (%s, %s/%s)\n%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH, line)
}

// The output of `version --json`. Scripts depend on its format.
type (
	versionJSON struct {
		Arch     string        `json:"arch"`
		Go       string        `json:"go"`
		OpenCode *openCodeJSON `json:"opencode,omitempty"` // with --verbose, if PATH has an opencode
		OS       string        `json:"os"`
		Version  string        `json:"version"`
	}
	openCodeJSON struct {
		Path       string `json:"path"`
		Program    string `json:"program"`
		Generation int    `json:"generation"` // 0: unknown
		Version    string `json:"version"`    // empty: unknown
		Tried      bool   `json:"tried"`
	}
)

// whichOpenCode returns the opencode on PATH, and a line about it.
func whichOpenCode(a *app) (*openCodeJSON, string) {
	path, err := opencode.Find(a.getenv("PATH"))
	if err != nil {
		return nil, "there is no opencode on PATH\n"
	}
	p, err := opencode.IdentifyRemembered(a.getenv, path)
	if err != nil {
		return nil, text.Line(err.Error()) + "\n"
	}
	line := text.Line(p.String()+", "+p.Path) + "\n"
	if p.Real != p.Path {
		line = text.Line(p.String()+", "+p.Path+" ("+p.Real+")") + "\n"
	}
	if untried := p.Untested(); untried != "" {
		line += text.Line(untried) + "\n"
	}
	return &openCodeJSON{p.Path, p.Real, p.Generation, p.Version, p.Tested()}, line
}
