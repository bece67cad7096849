package clients

import (
	"slices"
	"strings"
)

// Environment variables that each client gets from `run`, before its own ones.
const (
	KeyVariable     = "OPENCODE_API_KEY"           // the gateway's token
	AddressVariable = "OPENCODE_BASE_URL"          // the gateway's address, with /v1
	TokenVariable   = "OCGO_KEY_GATEWAY_TOKEN"     // the gateway's token
	RecordVariable  = "OCGO_KEY_USER_KILO_CONTENT" // KiloContent as the user set it
)

// Gateway is what a client needs to know about a gateway.
type Gateway struct {
	Root   string // the address without /v1, as in http://127.0.0.1:8421/zen/go
	Token  string
	Header string // the header for the token
}

func (g Gateway) base() string { return g.Root + "/v1" }

// Start is how the user has started a client, and where its settings are.
type Start struct {
	Args      []string // without the name of the client
	Getenv    func(string) string
	Home, Dir string // the user's home and working folders
	File      string // the path of the file with the client's Extension
}

// Settings are what a client gets.
type Settings struct {
	Args  []string   // placed before the arguments of the user
	Set   []Variable // environment variables
	Unset []string   // variables that would lead the client to another service
	// Model is where the user has chosen a model, such as a flag or a file; empty if the client
	// gets a default model.
	Model string
}

// Variable is an environment variable.
type Variable struct {
	Name, Value string
	private     bool // the value may contain text of the user
}

func (s *Settings) set(name, value string) {
	s.Set = append(s.Set, Variable{Name: name, Value: value})
}

// Client is a client that can be pointed at a gateway.
type Client struct {
	Name string
	// Extension is the content of a file that the client loads; nil if it needs none. It contains
	// neither the gateway's address nor its token.
	Extension []byte
	settings  func(Start, Gateway) (Settings, error)
}

var all = []Client{claude, codex, pi, qwen, kilo}

// Of returns the client that a command starts, by the name of its program.
func Of(command string) (Client, bool) {
	name := strings.ToLower(command[strings.LastIndexAny(command, `/\`)+1:])
	for _, suffix := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		name = strings.TrimSuffix(name, suffix)
	}
	i := slices.IndexFunc(all, func(c Client) bool { return c.Name == name })
	if i < 0 {
		return Client{}, false
	}
	return all[i], true
}

// Settings returns what the client needs to use the gateway. A model that the user has chosen
// stays.
func (c Client) Settings(start Start, gw Gateway) (Settings, error) { return c.settings(start, gw) }

// Lines describes the settings, one line for each kind. It shows neither the token nor text of the
// user.
func (s Settings) Lines(gw Gateway) []string {
	var lines []string
	line := func(what string, words []string) {
		if len(words) > 0 {
			lines = append(lines, what+" "+strings.Join(words, " "))
		}
	}
	var set []string
	for _, v := range s.Set {
		switch {
		case v.private:
			set = append(set, v.Name)
		case gw.Token != "" && v.Value == gw.Token:
			set = append(set, v.Name+"=(token)")
		default:
			set = append(set, v.Name+"="+v.Value)
		}
	}
	line("variables:", set)
	line("arguments:", s.Args)
	line("without the variables:", s.Unset)
	if s.Model != "" {
		lines = append(lines, "model: from "+s.Model)
	}
	return lines
}
