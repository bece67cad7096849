// Package opencode holds what we know of OpenCode: how its configuration is pointed at a gateway, and how its
// command line reads. It starts no process, serves nothing, and never sees a key: a gateway's token is all it
// puts into a configuration.
package opencode

import (
	"path/filepath"
	"slices"
	"strings"
)

// Ids of the providers that take a Go key. Source: opencode-facts, "The Go service".
const (
	GoProvider  = "opencode-go"
	ZenProvider = "opencode" // the service's pay-per-use side, with the same keys
)

// Is tells whether command (a name or a path) is OpenCode.
func Is(command string) bool {
	name := strings.ToLower(filepath.Base(filepath.ToSlash(command)))
	return strings.TrimSuffix(name, ".exe") == "opencode"
}

// subcommands of OpenCode that do not take over the screen. Source: `opencode --help`.
var subcommands = []string{"completion", "acp", "mcp", "run", "debug", "providers", "auth", "agent", "upgrade", "uninstall",
	"serve", "web", "models", "stats", "export", "import", "github", "pr", "session", "plugin", "plug", "db",
	"--help", "-h", "--version", "-v"}

// FullScreen tells whether OpenCode with these arguments draws on the whole terminal, so that nobody else may
// write there.
func FullScreen(args []string) bool {
	return len(args) == 0 || !slices.Contains(subcommands, args[0])
}
