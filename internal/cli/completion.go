package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/completion"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"bash, zsh, fish or powershell."`
}

func (*completionCmd) Help() string {
	return `Prints a script that a shell loads. TAB then completes commands, flags and their values, the labels of accounts, and after "run --" the arguments of that command. Completion reads the list of accounts. It does not use the keychain or the network.

Examples:
  eval "$(ocgo-key completion bash)"       # in ~/.bashrc
  source <(ocgo-key completion zsh)        # in ~/.zshrc, after compinit
  ocgo-key completion fish | source        # in ~/.config/fish/config.fish

  # In PowerShell's $PROFILE:
  ocgo-key completion powershell | Out-String | Invoke-Expression`
}

func (c *completionCmd) Run(a *app) error { return a.Print("%s", completion.Script(c.Shell)) }

// completeCmd answers the completion scripts.
type completeCmd struct {
	Words []string `arg:"" optional:""`
}

func (c *completeCmd) Run(a *app, ctx *kong.Context) error {
	if err := completion.Answer(a.stdout, ctx.Model.Node, c.Words, a.completions); err != nil {
		return hint.As(hint.ErrInput, err)
	}
	return nil
}

// completions returns the values for a word in the grammar's `complete` tags.
func (a *app) completions(kind string, before []string) (values []completion.Value, file bool) {
	if kind == "value" && len(before) == 1 { // of the setting that precedes the word
		kind = before[0]
	}
	switch kind {
	case "account", "holder", "tier":
		values = accountCompletions(a, kind)
	case "setting":
		for _, s := range accounts.Settings() {
			values = append(values, completion.Value{Text: s.Name, Help: s.Values})
		}
		values = append(values, completion.Value{Text: "tier", Help: "of an account: 1, or higher for a reserve"})
	case "strategy":
		for _, name := range rotation.Strategies() {
			values = append(values, completion.Value{Text: name})
		}
	case "store":
		values = storeCompletions(a)
	case "identity":
		file = true
	}
	return values, file
}

// accountCompletions returns labels, or the processes that hold an account. It ignores errors,
// since a message would appear in the line that the user types.
func accountCompletions(a *app, kind string) (values []completion.Value) {
	dir, err := paths.StateDir(a.getenv, os.UserHomeDir)
	if err != nil {
		return nil
	}
	o, err := rotation.Peek(dir).Overview(context.Background())
	if err != nil {
		return nil
	}
	now := time.Now()
	for _, v := range o.Accounts {
		if kind != "holder" {
			values = append(values, completion.Value{Text: v.Label, Help: conditionText(v.Condition, now)})
			continue
		}
		for _, l := range v.Leases {
			holds := fmt.Sprintf("%s, holds %s", text.OneLine(l.Command), text.OneLine(v.Label))
			values = append(values, completion.Value{Text: strconv.Itoa(l.PID), Help: holds})
		}
	}
	return values
}

// storeCompletions returns the stores, with the credential helpers on PATH.
func storeCompletions(a *app) []completion.Value {
	values := []completion.Value{{Text: accounts.OSStore, Help: "the OS keychain"}, {Text: accounts.FileStore, Help: "one file that age encrypts"}}
	seen := map[string]bool{}
	for _, dir := range filepath.SplitList(a.getenv("PATH")) {
		programs, _ := os.ReadDir(dir)
		for _, p := range programs {
			name, ok := strings.CutPrefix(strings.TrimSuffix(p.Name(), ".exe"), keychain.DockerProgramPrefix)
			if ok && !seen[name] && keychain.CheckDockerName(name) == nil {
				seen[name] = true
				values = append(values, completion.Value{Text: keychain.DockerPrefix + name, Help: "the credential helper " + p.Name()})
			}
		}
	}
	return values
}
