// Package opencode holds what we know of OpenCode: how its configuration is pointed at a gateway,
// how its command line reads, how one of its sessions goes on after a stop, and where it keeps
// logins. It starts no process and serves nothing. It sees a key only where it reads one out of a
// file for import; a gateway's token is all that it writes.
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

// Is tells whether command (a name or a path) is OpenCode.
func Is(command string) bool {
	name := strings.ToLower(command[strings.LastIndexAny(command, `/\`)+1:])
	for _, end := range []string{".exe", ".cmd", ".ps1"} { // of Windows: the program, and what npm puts on PATH
		name = strings.TrimSuffix(name, end)
	}
	return name == "opencode"
}

// Kind is what an invocation of OpenCode does.
type Kind int

// The kinds.
const (
	Other Kind = iota // a subcommand that has no conversation of its own
	Run               // `opencode run`: one turn, then it ends
	TUI               // the full-screen program
)

// Invocation is a command line of OpenCode, taken apart.
type Invocation struct {
	Kind Kind
	// Joins says that the conversation goes on with a session that was there before (-c or -s
	// without --fork).
	Joins bool
	// Serves says that it is a server of others (serve, web, acp).
	Serves bool

	kept []string // the options that hold for the second invocation as well, in their order
	path string   // the TUI's project folder; empty if not given
	port string   // --port; empty if not given
}

// option is one that takes part in a restart. All others that have a dash are kept, and stand
// alone.
type option struct {
	value bool // a value follows
	many  bool // several values follow, up to the next dash
	drop  bool // it is about the first prompt or the choice of session, and not for the second invocation
}

// options of `opencode` and `opencode run` that take values, or that a second invocation must not
// have. Source: `opencode --help` and `opencode run --help` of 1.18.33.
var options = map[string]option{
	"--log-level": {value: true}, "--port": {value: true}, "--hostname": {value: true}, "--mdns-domain": {value: true},
	"--cors": {many: true}, "--model": {value: true}, "-m": {value: true}, "--agent": {value: true}, "--replay-limit": {value: true},
	"--format": {value: true}, "--attach": {value: true}, "--password": {value: true}, "-p": {value: true},
	"--username": {value: true}, "-u": {value: true}, "--dir": {value: true}, "--variant": {value: true},
	"--continue": {drop: true}, "-c": {drop: true}, "--session": {value: true, drop: true}, "-s": {value: true, drop: true},
	"--fork": {drop: true}, "--prompt": {value: true, drop: true}, "--title": {value: true, drop: true}, "--share": {drop: true},
	"--command": {value: true, drop: true}, "--file": {many: true, drop: true}, "-f": {many: true, drop: true},
}

// subcommands of OpenCode other than run. Source: `opencode --help`.
var subcommands = []string{"completion", "acp", "mcp", "attach", "debug", "providers", "auth", "agent", "upgrade", "uninstall",
	"serve", "web", "models", "stats", "export", "import", "github", "pr", "session", "plugin", "plug", "db"}

// Parse takes the arguments behind `opencode` apart.
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

// FullScreen tells whether OpenCode with these arguments draws on the whole terminal, so that
// nobody else may write there.
func FullScreen(args []string) bool { return Parse(args).Kind == TUI }
