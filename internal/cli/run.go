package cli

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ocgo-key/helper"
	"ocgo-key/helper/choice"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/supervise"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/mistake"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

type runCmd struct {
	On429   string         `name:"on-429" enum:"auto,replay,restart" default:"auto" help:"At a limit: replay (send the request again with the next key; the command does not notice), restart (start the command again and resume its session), or auto (replay, then restart if the replay fails)."`
	MaxWait *time.Duration `placeholder:"D" help:"If all accounts are used up and none is ready within this time, exit with code 75; 0 never waits. Default: wait as OpenCode does."`
	Then    string         `name:"then-model" placeholder:"MODEL" help:"While all accounts are used up, send requests to this model of the provider. The model should be free, and must use the same wire format. It is not used again after an answer that costs money."`
	EnvKey  bool           `help:"Put the real key into OPENCODE_API_KEY, for a command that cannot use a gateway. Every program that the command starts can read it."`
	gatewayFlags
	choiceFlags
	Command []string `arg:"" optional:"" passthrough:"" help:"The command to run. Default: opencode."`
}

func (*runCmd) Help() string {
	return `The command uses a gateway on this machine, which adds the key to each request; no key reaches its environment, its configuration or its memory. OpenCode gets the gateway's address in OPENCODE_CONFIG_CONTENT, any other command in OPENCODE_BASE_URL and OPENCODE_API_KEY. claude, codex, pi, qwen and kilo also get the settings that point them at the gateway; a model that you have chosen stays. An opencode that the command starts uses the same gateway. OpenCode 2 gets a private server, which exits with it. run ends with the exit code or signal of the command.

Examples:
  ocgo-key run
  ocgo-key run -- opencode run "say hi"
  ocgo-key run --max-wait 10m -- opencode run "say hi"
  ocgo-key run -- claude -p "say hi"`
}

func (c *runCmd) Run(a *app, ctx *kong.Context) error {
	if err := misspelt(c.Command, ctx.Flags()); err != nil {
		return err
	}
	command := wrapper.Command{Argv: c.Command, Env: os.Environ()} // before the keychain client changes it
	if len(command.Argv) > 0 && command.Argv[0] == "--" {
		command.Argv = command.Argv[1:]
	}
	if len(command.Argv) == 0 {
		command.Argv = []string{"opencode"}
	}
	if c.MaxWait != nil && *c.MaxWait < 0 {
		return hint.Input("--max-wait %v: must not be negative", *c.MaxWait)
	}
	if c.EnvKey && c.Then != "" {
		return hint.Input("--then-model needs a gateway, and --env-key uses none")
	}
	if err := c.check(); err != nil {
		return err
	}
	status, err := c.supervised(a, command, func() keychain.Store { return a.keys() }).ToTheEnd()
	if err != nil {
		return err
	}
	return ended(status)
}

// misspelt returns an error if the command begins with a misspelt flag of run. The parser leaves
// unknown flags to the command.
func misspelt(words []string, flags []*kong.Flag) error {
	if len(words) == 0 || !strings.HasPrefix(words[0], "--") || words[0] == "--" {
		return nil
	}
	var names []string
	for _, f := range flags {
		names = append(names, "--"+f.Name)
	}
	typed, _, _ := strings.Cut(words[0], "=")
	if name, ok := mistake.Nearest(typed, names); ok {
		return hint.On(hint.Input("run has no flag %s", typed), "did you mean `"+name+"`?")
	}
	return nil
}

// supervised prepares a supervise.Run for command.
func (c *runCmd) supervised(a *app, command wrapper.Command, keys func() keychain.Store) *supervise.Run {
	options := c.options(a)
	options.ThenModel = strings.TrimPrefix(c.Then, opencode.GoProvider+"/")
	return &supervise.Run{
		Command: command, OnLimit: c.On429, MaxWait: c.MaxWait, EnvKey: c.EnvKey, Gateway: options, Open: a.pool, Budget: a.budget().Context,
		Hold: func(pool *rotation.Pool, command string) (*helper.Holder, *helper.UsagePoller, error) {
			holder, err := a.newHolder(pool, keys(), command, c.ahead())
			return holder, usagePoller(pool, keys(), a.baseURL), err
		},
		Choose: func(ctx context.Context, pool *rotation.Pool) (choice.Choice, error) { return c.chosen(ctx, a, pool) },
		Tell:   teller{a.Terminal}, Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr,
	}
}

// ended returns the error that makes this process exit with the command's status; nil for success.
func ended(status wrapper.Status) error {
	if status == (wrapper.Status{}) {
		return nil
	}
	return &statusError{status}
}
