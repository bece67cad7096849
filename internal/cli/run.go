package cli

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/term"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

type runCmd struct {
	On429 string `name:"on-429" enum:"auto,replay,restart" default:"auto" help:"At a limit: replay (send the request again with the next key; the command notices nothing), restart (invoke the command again), auto (replay, and restart where that could not save it)."`
	gatewayFlags
	Command []string `arg:"" optional:"" passthrough:"" help:"What to run; opencode if left out."`
}

func (*runCmd) Help() string {
	return `The command is pointed at a gateway on this machine, which puts the key on each request; no key reaches its environment, its configuration or its memory. OpenCode gets the gateway through OPENCODE_CONFIG_CONTENT, any command through OPENCODE_BASE_URL and OPENCODE_API_KEY. It ends as the command ends: same exit code, same signal.

Examples:
  ocgo-key run
  ocgo-key run -- opencode run "say hi"
  ocgo-key run --on-429 restart -- opencode run "say hi"`
}

func (c *runCmd) Run(a *app) error {
	env := os.Environ() // before the keychain's client can add to it
	argv := c.Command
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		argv = []string{"opencode"}
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		// The wrapper has the words for it, and no account is handed out for a command that is not there.
		_, err := wrapper.Run(wrapper.Command{Argv: argv, Env: env}, wrapper.Options{})
		return withHint(err, "check its name and PATH"+opencodeHint(argv[0]))
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	return a.wrap(pool, a.keys(), wrapper.Command{Argv: argv, Env: env}, c)
}

func opencodeHint(command string) string {
	if opencode.Is(command) {
		return "; `npm install -g opencode-ai` installs OpenCode"
	}
	return ""
}

// wrap runs command on the pool, under a gateway of its own.
func (a *app) wrap(pool *rotation.Pool, keys keychain.Store, command wrapper.Command, c *runCmd) error {
	s := &session{mode: c.On429, restarts: make(chan wrapper.Command, 1), tried: map[string]bool{}}
	s.app = a
	s.silent = opencode.Is(command.Argv[0]) && opencode.FullScreen(command.Argv[1:]) && term.IsTerminal(a.stdout)
	holder, err := a.hold(pool, keys, baseName(command.Argv[0]), &s.notices)
	if err != nil {
		return err
	}
	defer holder.Release(context.Background())
	gw, err := a.startGateway(pool, keys, holder, c.gatewayFlags, 0, s.observer())
	if err != nil {
		return wrapperFailed(err)
	}
	defer gw.Close()
	if command.Env, err = pointAt(gw, command, c.Zen); err != nil {
		return wrapperFailed(err)
	}
	s.command = command
	status, err := wrapper.Run(command, wrapper.Options{Restart: s.restarts, Started: s.started})
	if err != nil {
		return err
	}
	if status != (wrapper.Status{}) {
		return &statusError{status}
	}
	return nil
}

func wrapperFailed(err error) error { return &codeError{exitWrapper, err} }

func baseName(command string) string {
	return command[strings.LastIndexAny(command, `/\`)+1:]
}

// pointAt returns the command's environment with the gateway in it.
func pointAt(gw *gateway.Gateway, command wrapper.Command, zen bool) ([]string, error) {
	endpoints := map[string]opencode.Endpoint{opencode.GoProvider: {BaseURL: gw.URL(gateway.GoPrefix), APIKey: gw.Token()}}
	if zen {
		endpoints[opencode.ZenProvider] = opencode.Endpoint{BaseURL: gw.URL(gateway.ZenPrefix), APIKey: gw.Token()}
	}
	config, err := opencode.MergeConfig(getenv(command.Env, opencode.ConfigVariable), endpoints)
	if err != nil {
		return nil, withHint(err, "mend or unset it, then run again")
	}
	env := setenv(command.Env, opencode.ConfigVariable, config)
	if !opencode.Is(command.Argv[0]) {
		env = setenv(env, "OPENCODE_API_KEY", gw.Token())
		env = setenv(env, "OPENCODE_BASE_URL", gw.URL(gateway.GoPrefix))
	}
	return env, nil
}

func getenv(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

func setenv(env []string, name, value string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, name+"=") })
	return append(env, name+"="+value)
}
