// Package opencode contains what is specific to OpenCode, versions 1 and 2:
//
//   - how to identify an OpenCode program
//   - how to point its configuration at a gateway
//   - how to parse its command line, and to continue a session after a stop
//   - how to read and remove its logins
//   - the plugin and the shim that ocgo-key installs for it
//
// The package starts no process. It sends requests only to OpenCode's own servers on this machine.
// It handles keys only to read or remove a user's logins. Of ocgo-key's own secrets it writes only
// a gateway's token.
package opencode

import (
	"slices"
	"strings"
)

// Ids of the providers that take a Go key. Source: docs/facts.md, "The Go service".
const (
	GoProvider  = "opencode-go"
	ZenProvider = "opencode" // the service's pay-per-use side, with the same keys
)

// Is reports whether command (a name or a path) is OpenCode.
func Is(command string) bool {
	name := strings.ToLower(command[strings.LastIndexAny(command, `/\`)+1:])
	for _, end := range []string{".exe", ".cmd", ".ps1"} { // on Windows: the program, and the launcher that npm installs
		name = strings.TrimSuffix(name, end)
	}
	return name == "opencode"
}

// Kind says what an invocation of OpenCode does.
type Kind int

// The kinds.
const (
	Other Kind = iota // a subcommand without a conversation
	Run               // `opencode run`: one turn, then it ends
	TUI               // the full-screen program
)

// Invocation is a parsed command line of OpenCode 1.
type Invocation struct {
	Kind Kind
	// Joins is true if an existing session is continued (-c or -s without --fork).
	Joins bool
	// Serves is true for a server for other programs (serve, web, acp).
	Serves bool

	kept []string // the options that apply to a second invocation as well, in their order
	path string   // the TUI's project folder; empty if not given
	port string   // --port; empty if not given
}

// option describes an option that matters for a restart. All other words that begin with a dash are
// kept, and count as options without a value.
type option struct {
	value bool // a value follows
	many  bool // several values follow, up to the next word that begins with a dash
	drop  bool // a second invocation must not have it: it concerns the first prompt or the choice of session
}

// options are the options of `opencode` and `opencode run` that take values, or that a second
// invocation must not have. Source: `opencode --help` and `opencode run --help` of 1.18.33.
var options = map[string]option{
	"--log-level": {value: true}, "--port": {value: true}, "--hostname": {value: true}, "--mdns-domain": {value: true},
	"--cors": {many: true}, "--model": {value: true}, "-m": {value: true}, "--agent": {value: true}, "--replay-limit": {value: true},
	"--format": {value: true}, "--attach": {value: true}, "--password": {value: true}, "-p": {value: true},
	"--username": {value: true}, "-u": {value: true}, "--dir": {value: true}, "--variant": {value: true},
	"--continue": {drop: true}, "-c": {drop: true}, "--session": {value: true, drop: true}, "-s": {value: true, drop: true},
	"--fork": {drop: true}, "--prompt": {value: true, drop: true}, "--title": {value: true, drop: true}, "--share": {drop: true},
	"--command": {value: true, drop: true}, "--file": {many: true, drop: true}, "-f": {many: true, drop: true},
}

// subcommands are the subcommands of OpenCode except run. Source: `opencode --help`.
var subcommands = []string{"completion", "acp", "mcp", "attach", "debug", "providers", "auth", "agent", "upgrade", "uninstall",
	"serve", "web", "models", "stats", "export", "import", "github", "pr", "session", "plugin", "plug", "db"}

// Parse parses the arguments after `opencode`.
func Parse(args []string) Invocation {
	inv := Invocation{Kind: TUI}
	var fork, joins bool
	first := true // the first word that is not an option names the subcommand
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			break // the rest is the prompt
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			switch {
			case first && arg == "run":
				inv.Kind = Run
			case first && slices.Contains(subcommands, arg):
				return Invocation{Kind: Other, Serves: arg == "serve" || arg == "web" || arg == "acp"}
			case first && inv.Kind == TUI:
				inv.path = arg
			}
			first = false
			continue
		}
		name, _, joined := strings.Cut(arg, "=")
		switch name {
		case "-h", "--help", "-v", "--version":
			return Invocation{Kind: Other}
		case "--fork":
			fork = true
		case "-c", "--continue", "-s", "--session":
			joins = true
		}
		o := options[name]
		end := i + 1
		switch {
		case joined:
		case o.value:
			end = min(i+2, len(args))
		case o.many:
			for end < len(args) && !strings.HasPrefix(args[end], "-") {
				end++
			}
		}
		if name == "--port" {
			inv.port = strings.TrimPrefix(args[end-1], "--port=")
		}
		if !o.drop {
			inv.kept = append(inv.kept, args[i:end]...)
		}
		i = end - 1
	}
	inv.Joins = joins && !fork
	return inv
}
