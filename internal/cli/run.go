package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/supervise"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/term"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

type runCmd struct {
	On429   string         `name:"on-429" enum:"auto,replay,restart" default:"auto" help:"At a limit: replay (send the request again with the next key; the command notices nothing), restart (invoke the command again, its session resumed), auto (replay, and restart where that could not save it)."`
	MaxWait *time.Duration `placeholder:"D" help:"With all accounts used up, end with exit code 75 if none is back within this time; 0 never waits. Left out: wait as OpenCode does."`
	EnvKey  bool           `help:"Put the real key into OPENCODE_API_KEY, for a command that cannot be pointed at a gateway. Whatever the command starts can read it there."`
	gatewayFlags
	Command []string `arg:"" optional:"" passthrough:"" help:"What to run; opencode if left out."`
}

func (*runCmd) Help() string {
	return `The command is pointed at a gateway on this machine, which puts the key on each request; no key reaches its environment, its configuration or its memory. OpenCode gets the gateway through OPENCODE_CONFIG_CONTENT, any other command through OPENCODE_BASE_URL and OPENCODE_API_KEY as well. It ends as the command ends: same exit code, same signal.

Examples:
  ocgo-key run
  ocgo-key run -- opencode run "say hi"
  ocgo-key run --max-wait 10m -- opencode run "say hi"`
}

func (c *runCmd) Run(a *app) error {
	command := wrapper.Command{Argv: c.Command, Env: os.Environ()} // before the keychain's client can add to it
	if len(command.Argv) > 0 && command.Argv[0] == "--" {
		command.Argv = command.Argv[1:]
	}
	if len(command.Argv) == 0 {
		command.Argv = []string{"opencode"}
	}
	if c.MaxWait != nil && *c.MaxWait < 0 {
		return usagef("--max-wait %v: not a time to wait", *c.MaxWait)
	}
	if err := c.check(); err != nil {
		return err
	}
	// No account is handed out for a command that cannot be started.
	if err := wrapper.Check(command); err != nil {
		return withHint(err, "check its name and PATH"+opencodeHint(command.Argv[0]))
	}
	if outer, ok := outerGateway(command.Env); ok && !c.EnvKey && !c.Zen {
		return c.runUnder(outer, command)
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	if c.EnvKey {
		return a.runWithKey(pool, a.keys(), command, c)
	}
	return a.wrap(pool, a.keys(), command, c)
}

func opencodeHint(command string) string {
	if opencode.Is(command) {
		return "; `npm install -g opencode-ai` installs OpenCode"
	}
	return ""
}

// wrap runs command on the pool, under a gateway of its own.
func (a *app) wrap(pool *rotation.Pool, keys keychain.Store, command wrapper.Command, c *runCmd) error {
	// The user's configuration is looked at before an account is handed out.
	if _, err := pointAt(endpoint{}, command, c.Zen); err != nil {
		return err
	}
	s := a.newSession(pool, command, c)
	holder, err := a.hold(pool, keys, baseName(command.Argv[0]), c.ahead(), &s.notices)
	if err != nil {
		return err
	}
	defer holder.Release(context.Background())
	flags := c.gatewayFlags
	if flags.clientWait = c.MaxWait; flags.clientWait == nil {
		forever := time.Duration(math.MaxInt64)
		flags.clientWait = &forever
	}
	flags.conversation = "run_" + strings.ToLower(rand.Text())
	gw, quota, err := a.startGateway(pool, keys, holder, flags, 0, s.observer())
	if err != nil {
		return wrapperFailed(err)
	}
	defer gw.Close()
	s.quota = quota
	if s.command.Env, err = pointAt(endpoint{gw.URL(""), gw.Token()}, command, c.Zen); err != nil {
		return err
	}
	return s.run()
}

func (a *app) newSession(pool *rotation.Pool, command wrapper.Command, c *runCmd) *session {
	s := &session{pool: pool, mode: c.On429, maxWait: c.MaxWait, command: command, orders: make(chan wrapper.Order, 1), tried: map[string]bool{}}
	s.app = a
	if s.opencode = opencode.Is(command.Argv[0]); s.opencode {
		s.invocation = opencode.Parse(command.Argv[1:])
		s.waits = s.invocation.Kind == opencode.Run && s.mode != replay
		s.notices.maxWait = c.MaxWait
		s.silent = s.invocation.Kind == opencode.TUI && term.IsTerminal(a.stdout)
	}
	return s
}

// run runs the session's command, and again where that goes on with the work.
func (s *session) run() error {
	if s.opencode && s.invocation.Kind == opencode.Run && s.mode != replay {
		var err error
		if s.input, err = supervise.KeepInput(s.app.stdin); err != nil {
			return wrapperFailed(fmt.Errorf("cannot read stdin: %w", err))
		}
	}
	command := s.command
	var err error
	if command.Stdin, err = s.input.Open(); err != nil {
		return wrapperFailed(err)
	}
	for {
		status, _, err := wrapper.Run(command, wrapper.Options{Orders: s.orders, Started: s.started})
		if err != nil {
			return err
		}
		next, again := s.after(status)
		if s.gaveUp != nil {
			return withHint(s.gaveUp, "none is back within --max-wait; `ocgo-key list` shows each account")
		}
		if !again {
			return ended(status)
		}
		command = next
	}
}

// ended is nil for success, and else ends us as the command ended.
func ended(status wrapper.Status) error {
	if status == (wrapper.Status{}) {
		return nil
	}
	return &statusError{status}
}

func wrapperFailed(err error) error { return &codeError{exitWrapper, err} }

func baseName(command string) string {
	return command[strings.LastIndexAny(command, `/\`)+1:]
}

// endpoint is a gateway as a client sees it.
type endpoint struct {
	url   string // up to the prefixes
	token string
}

// Variables by which a `run` finds the gateway of the `run` that it is in.
const (
	gatewayVariable = "OCGO_KEY_GATEWAY"
	tokenVariable   = "OCGO_KEY_GATEWAY_TOKEN"
)

// pointAt returns the command's environment with the gateway in it.
func pointAt(gw endpoint, command wrapper.Command, zen bool) ([]string, error) {
	at := func(prefix string) opencode.Endpoint {
		return opencode.Endpoint{BaseURL: gw.url + prefix, Headers: map[string]string{strings.ToLower(gateway.TokenHeader): gw.token}}
	}
	providers := map[string]opencode.Endpoint{opencode.GoProvider: at(gateway.GoPrefix)}
	switch {
	case zen:
		providers[opencode.ZenProvider] = at(gateway.ZenPrefix)
	case !opencode.Is(command.Argv[0]):
		// An OpenCode that the command starts would take the token below for a key of Zen's, and show it there.
		providers[opencode.ZenProvider] = opencode.Endpoint{}
	}
	config, err := opencode.MergeConfig(getenv(command.Env, opencode.ConfigVariable), providers)
	if err != nil {
		return nil, withHint(&codeError{exitWrapper, err}, "mend or unset it, then run again")
	}
	env := setenv(pastProxies(command.Env, runtime.GOOS), opencode.ConfigVariable, config)
	env = setenv(setenv(env, gatewayVariable, gw.url), tokenVariable, gw.token)
	if !opencode.Is(command.Argv[0]) {
		env = setenv(env, "OPENCODE_API_KEY", gw.token)
		env = setenv(env, "OPENCODE_BASE_URL", gw.url+gateway.GoPrefix)
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
