package supervise

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// client is what a command is: an OpenCode of either generation, or another program.
type client struct {
	opencode.Program
	is  bool                // an OpenCode
	one opencode.Invocation // of generation 1
	two opencode.Command2   // of generation 2
}

func (c client) generation2() bool { return c.is && c.Generation >= 2 }

// joined reports whether OpenCode gets a server of its own, apart whether it is to know nothing of
// us.
func (c client) joined() bool { return c.generation2() && c.two.Way == opencode.Joined }
func (c client) apart() bool  { return c.generation2() && c.two.Way == opencode.Apart }

// serves reports whether it is a server, which is never restarted.
func (c client) serves() bool { return c.one.Serves || c.two.Way == opencode.Alone }

// whichClient finds out what the command is. It leads command past a shim of ours, which would only
// lead back here, and gives it the arguments that its generation needs. The error says that it
// cannot be started.
func whichClient(command *wrapper.Command) (client, error) {
	name := command.Argv[0]
	if !opencode.Is(name) {
		return client{}, cannotStart(wrapper.Check(*command), name)
	}
	path, err := exec.LookPath(name)
	if filepath.Base(name) == name {
		if real, notFound := opencode.Find(getenv(command.Env, pathName(command.Env, runtime.GOOS))); notFound == nil {
			path, err = real, nil
		}
	}
	if err != nil {
		return client{}, cannotStart(wrapper.Check(*command), name)
	}
	c := client{is: true}
	if c.Program, err = opencode.IdentifyRemembered(os.Getenv, path); err != nil {
		c.Program = opencode.Program{Path: path, Real: path}
	}
	if c.Generation == 0 {
		c.Program = asked(c.Program, command.Env)
	}
	if direct, err := exec.LookPath(name); err != nil || direct != c.Path {
		command.Argv = slices.Concat([]string{c.Path}, command.Argv[1:]) // by its name it would be a shim
	}
	if !c.generation2() {
		c.one = opencode.Parse(command.Argv[1:])
		return c, cannotStart(wrapper.Check(*command), name)
	}
	if c.two, err = opencode.Parse2(command.Argv[1:], isDir); err != nil {
		return c, hint.On(hint.As(hint.ErrInput, err), "leave it out; `run` starts a server for this command alone")
	}
	if c.two.Way == opencode.Standalone {
		command.Argv = append(command.Argv[:1:1], c.two.Standalone()...)
	}
	return c, cannotStart(wrapper.Check(*command), name)
}

// askTime bounds the question to a program which OpenCode it is: 0.2 s, or 1.6 s for OpenCode 1.
const askTime = 20 * time.Second

// asked runs a program that only starts the real one, in a way that is not known here, to learn
// which that is: taken for the wrong one it would start a service with our environment.
func asked(p opencode.Program, env []string) opencode.Program {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Path, "--version")
	cmd.Env, cmd.WaitDelay = env, time.Second
	said, err := cmd.Output()
	if err != nil {
		return p
	}
	p.Says(string(said))
	return p
}

// kind is what its command line asks of OpenCode.
func (c client) kind() opencode.Kind {
	if c.generation2() {
		return c.two.Kind
	}
	return c.one.Kind
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func cannotStart(err error, name string) error {
	return hint.On(err, "check its name and PATH"+opencodeHint(name))
}

// folder makes the folder of a run. Without one the run is poorer, and that is said.
func (r *Run) folder() opencode.RunFolder {
	const poorer = "an opencode that the command starts does not use the pool: "
	self, err := os.Executable()
	if err != nil {
		r.Tell.Warn(poorer+text.Line(err.Error()), "")
		return opencode.RunFolder{}
	}
	env := r.Command.Env
	real, err := opencode.Find(getenv(env, pathName(env, runtime.GOOS)))
	if err != nil {
		real = "" // then nobody starts one by its name
	}
	folder, err := opencode.NewRunFolder(os.TempDir(), runtime.GOOS, self, real)
	if err != nil {
		r.Tell.Warn(poorer+text.Line(err.Error()), "set TMPDIR to a folder that can be written")
	}
	folder.Sweep(time.Now())
	return folder
}

// openCode2 is a run of OpenCode 2 that knows its gateway's address from nothing yet. Its client
// needs none: the server does the requests.
func (r *Run) openCode2(client client) *OpenCode2 {
	two := &OpenCode2{Program: client.Path, Command: client.two, Client: pastProxies(r.Command.Env, runtime.GOOS), Stdin: r.Stdin}
	if len(client.two.Logs) > 0 {
		two.Logs = r.Stderr
	}
	return two
}

// runOpenCode2 runs it to its end.
func runOpenCode2(two *OpenCode2, gatewayURL string) (wrapper.Status, error) {
	// By this the toasts of the run know that they are meant.
	two.Client = setenv(two.Client, GatewayVariable, gatewayURL)
	status, err := two.Run()
	if e, ok := errors.AsType[*rotation.ExhaustedError](err); ok {
		return status, gaveUp(e)
	}
	return status, failed(err)
}

func opencodeHint(command string) string {
	if opencode.Is(command) {
		return "; `npm install -g opencode-ai` installs OpenCode"
	}
	return ""
}
