package opencode

import (
	"errors"
	"slices"
	"strings"
)

// Way is how a command of OpenCode 2 is started under a gateway. Clients of OpenCode 2 do not send
// model requests themselves; a server does. By default this is one background service per user,
// which has the environment of the client that started it.
type Way int

// The values of Way.
const (
	// Apart is for commands that use or start the shared service, and for commands that need no
	// server. They run without the gateway's environment, so that the service never gets it.
	Apart Way = iota
	// Alone is for a process that is its own server (acp, serve): it gets the gateway's environment
	// and no other change.
	Alone
	// Standalone is for a client that starts a private server with --standalone, in the gateway's
	// environment.
	Standalone
	// Joined is for a client that joins a running private server with --server.
	Joined
)

// ErrServer is the error for a command line with --server: requests from that server would bypass
// the gateway.
var ErrServer = errors.New("opencode --server names a server whose requests would bypass the gateway")

// Command2 is a parsed command line of OpenCode 2.
type Command2 struct {
	Way  Way
	Kind Kind   // `mini` is a TUI too
	Name string // the subcommand; empty for the full screen
	// Joins is true if an existing session is continued (-c or -s without --fork).
	Joins bool
	// Logs are the logging options, for a server that is started for this client.
	Logs []string

	head []string // the words up to the last subcommand; options are added after them
	tail []string // the words after head, without --standalone
	kept []string // the options in tail that apply to a second invocation as well
}

// values2 are the options that take a value. Source: the --help of 2.0.15 and its subcommands.
var values2 = []string{"--log-level", "--completions", "--server", "--session", "-s", "--prompt", "--model", "-m", "--agent", "--format",
	"--file", "-f", "--title", "--replay-limit", "--data", "-d", "--header", "-H", "--param", "--days", "--year", "--project", "--limit",
	"--max-count", "-n", "--hostname", "--port", "--cors"}

// first2 are the options about the first prompt or the choice of session, which a second invocation
// must not have.
var first2 = []string{"--continue", "-c", "--session", "-s", "--fork", "--title", "--file", "-f", "--prompt"}

// ways2 maps the subcommands in the --help of 2.0.15 to their Way. nested2 are the subcommands
// whose own subcommands accept --standalone.
var (
	ways2 = map[string]Way{"run": Joined, "mini": Joined, "acp": Alone, "serve": Alone,
		"auth": Standalone, "session": Standalone, "models": Standalone, "api": Standalone, "stats": Standalone, "reload": Standalone,
		"upgrade": Apart, "update": Apart, "uninstall": Apart, "debug": Apart, "mcp": Apart, "plugin": Apart, "service": Apart, "pair": Apart}
	nested2 = []string{"auth", "session"}
)

// Parse2 parses the arguments after `opencode`. isDir reports whether a path is a folder. An
// unknown first word that is not a folder may be a subcommand of a later version; its Way is Apart.
func Parse2(args []string, isDir func(string) bool) (Command2, error) {
	c := Command2{Way: Joined, Kind: TUI, head: []string{}}
	var fork, joins, service, apart bool
	words := 0 // the number of words so far, including the subcommand
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			c.tail = append(c.tail, args[i:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			c.word(args[:i+1], words, isDir)
			words++
			continue
		}
		name, _, joined := strings.Cut(arg, "=")
		end := i + 1
		if !joined && slices.Contains(values2, name) {
			end = min(i+2, len(args))
		}
		option := args[i:end]
		i = end - 1
		switch name {
		case "-h", "--help", "-v", "--version", "--completions", "--wizard":
			apart = true
		case "--server":
			return c, ErrServer
		case "--standalone":
			continue
		case "--service":
			service = true
		case "--fork":
			fork = true
		case "--continue", "-c", "--session", "-s":
			joins = true
		case "--log-level", "--print-logs":
			c.Logs = append(c.Logs, option...)
		}
		c.tail = append(c.tail, option...)
		if !slices.Contains(first2, name) {
			c.kept = append(c.kept, option...)
		}
	}
	c.Joins = joins && !fork
	if apart || service || slices.Contains(nested2, c.Name) && len(c.head) == 1 {
		c.Way, c.Kind = Apart, Other
	}
	return c, nil
}

// word processes an argument that is not an option: the last one in upTo. words is the number of
// such arguments before it.
func (c *Command2) word(upTo []string, words int, isDir func(string) bool) {
	word := upTo[len(upTo)-1]
	way, known := ways2[word]
	switch {
	case words == 0 && !known && isDir(word): // the project of the full screen
	case words == 0:
		c.Way, c.Kind, c.Name, c.head = way, Other, word, []string{word}
		switch word {
		case "run":
			c.Kind = Run
		case "mini":
			c.Kind = TUI
		}
		return
	case words == 1 && slices.Contains(nested2, c.Name):
		c.head = append(c.head, word)
		return
	}
	c.tail = append(c.tail, word)
}

// Standalone returns the arguments with which a client starts a private server.
func (c Command2) Standalone() []string {
	return slices.Concat(c.head, []string{"--standalone"}, c.tail)
}

// Join returns the arguments with which a client joins the server at url.
func (c Command2) Join(url string) []string {
	return slices.Concat(c.head, []string{"--server", url}, c.tail)
}

// Resume returns the arguments with which `opencode run` joins the server at url and continues a
// session with the prompt text. The text must not begin with a dash. It cannot follow "--", because
// 2.0.15 sends such a prompt twice.
func (c Command2) Resume(url, session, text string) []string {
	return slices.Concat(c.head, []string{"--server", url}, c.kept, []string{"--session", session, text})
}
