package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/supervise"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
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
	return `The command is pointed at a gateway on this machine, which puts the key on each request; no key reaches its environment, its configuration or its memory. OpenCode gets the gateway through OPENCODE_CONFIG_CONTENT, any other command through OPENCODE_BASE_URL and OPENCODE_API_KEY; an opencode that it starts is run on the same gateway. OpenCode 2 gets a server of its own, which ends with it. It ends as the command ends: same exit code, same signal.

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
		return hint.Input("--max-wait %v: not a time to wait", *c.MaxWait)
	}
	if err := c.check(); err != nil {
		return err
	}
	outer, nested := outerGateway(command.Env)
	command.Env = withoutRun(command.Env)
	// No account is handed out for a command that cannot be started.
	client, err := a.whichClient(&command)
	if err != nil {
		return err
	}
	if client.apart() {
		a.Detail("opencode %s is run without the gateway, since it uses the service that all share", client.two.Name)
		return runAlone(command)
	}
	if nested && !c.EnvKey && (!c.Zen || outer.zen) {
		return a.runUnder(outer, command, client)
	}
	pool, err := a.pool()
	if err != nil {
		return err
	}
	if untried := client.Untried(); client.is && untried != "" {
		a.Say("%s", text.Line(untried))
	}
	if c.EnvKey {
		return a.runWithKey(pool, a.keys(), command, client, c)
	}
	return a.wrap(pool, a.keys(), command, client, c)
}

func opencodeHint(command string) string {
	if opencode.Is(command) {
		return "; `npm install -g opencode-ai` installs OpenCode"
	}
	return ""
}

// wrap runs command on the pool, under a gateway of its own.
func (a *app) wrap(pool *rotation.Pool, keys keychain.Store, command wrapper.Command, client client, c *runCmd) error {
	// The user's configuration is looked at before an account is handed out.
	if _, err := client.pointAt(endpoint{zen: c.Zen}, command.Env, opencode.RunFolder{}); err != nil {
		return err
	}
	defer pool.Trail()()
	folder := a.runFolder(command.Env)
	defer folder.Remove()
	s := a.newSession(pool, command, client, c)
	if s.silent && client.generation2() {
		s.toasts = folder.Plugin
	}
	defer s.lastWord()
	holder, err := a.hold(pool, keys, baseName(command.Argv[0]), c.ahead(), &s.notices)
	if err != nil {
		return err
	}
	defer holder.Release(context.Background())
	observer := s.observer()
	var two *supervise.OpenCode2
	if client.joined() {
		two = a.openCode2(command, client)
		two.Pool, two.OnLimit, two.MaxWait = pool, c.On429, c.MaxWait
		observer = two.Observer(s.notices.observer())
	}
	flags := c.gatewayFlags
	if flags.clientWait = c.MaxWait; flags.clientWait == nil {
		forever := time.Duration(math.MaxInt64)
		flags.clientWait = &forever
	}
	flags.conversation = "run_" + strings.ToLower(rand.Text())
	gw, usage, err := a.startGateway(pool, keys, holder, flags, 0, observer)
	if err != nil {
		return wrapperFailed(err)
	}
	defer gw.Close()
	s.usage = usage
	env, err := client.pointAt(endpoint{gw.URL(""), gw.Token(), c.Zen}, command.Env, folder)
	if err != nil {
		return err
	}
	if two != nil {
		two.Server = env
		return runOpenCode2(two, gw.URL(""))
	}
	s.command.Env = env
	return s.run()
}

func (a *app) newSession(pool *rotation.Pool, command wrapper.Command, client client, c *runCmd) *session {
	s := &session{pool: pool, mode: c.On429, maxWait: c.MaxWait, command: command, orders: make(chan wrapper.Order, 1), tried: map[string]bool{}}
	s.app = a
	if s.opencode = client.is; s.opencode {
		s.invocation = client.one
		s.waits = s.kind(client) == opencode.Run && s.mode != replay
		s.notices.maxWait = c.MaxWait
		s.silent = s.kind(client) == opencode.TUI && term.IsTerminal(a.stdout)
	}
	if !client.is && term.IsTerminal(a.stderr) {
		s.modes, _ = term.Save(a.stdin) // it may be a full-screen client, or start one
	}
	if client.serves() {
		s.mode = replay // its own clients would lose it
	}
	return s
}

func (s *session) kind(client client) opencode.Kind {
	if client.generation2() {
		return client.two.Kind
	}
	return client.one.Kind
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
			return hint.On(s.gaveUp, gaveUpHint)
		}
		if !again {
			return ended(status)
		}
		command = next
	}
}

const gaveUpHint = "none is back within --max-wait; `ocgo-key list` shows each account"

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
