package supervise

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ocgo-key/helper/clients"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// client describes a command: OpenCode 1, OpenCode 2, or another program.
type client struct {
	opencode.Program
	is   bool                // the command is OpenCode
	shim bool                // plain opencode uses the pool, since a shim is first in PATH
	one  opencode.Invocation // the command line of OpenCode 1
	two  opencode.Command2   // the command line of OpenCode 2

	other *clients.Client // the command is this client; nil if it is OpenCode or an unknown program
}

func (c client) generation2() bool { return c.is && c.Generation >= 2 }

// joined reports whether OpenCode joins a private server that the run starts.
func (c client) joined() bool { return c.generation2() && c.two.Way == opencode.Joined }

// unchanged reports whether the command runs without a gateway, in the user's own environment.
func (c client) unchanged() bool { return c.generation2() && c.two.Way == opencode.Apart }

// fullScreen reports whether the command is OpenCode's full screen, which prints at its end how to
// continue the session.
func (c client) fullScreen() bool {
	if c.generation2() {
		return c.two.Kind == opencode.TUI && c.two.Name == ""
	}
	return c.is && c.one.Kind == opencode.TUI
}

// serves reports whether the command is a server.
func (c client) serves() bool { return c.one.Serves || c.two.Way == opencode.Alone }

// whichClient identifies the command. It replaces a shim of ocgo-key in command with the real
// program, and adds the arguments that OpenCode 2 needs. An error means that the command cannot
// start.
func whichClient(command *wrapper.Command) (client, error) {
	name := command.Argv[0]
	c, err := identify(command)
	if err != nil {
		return c, hint.On(hint.As(hint.ErrInput, err), "leave --server out; `run` starts a server for this command")
	}
	next := "check its name and PATH"
	if opencode.Is(name) {
		next += "; `npm install -g opencode-ai` installs OpenCode"
	}
	err = wrapper.Check(*command)
	if meant, ok := opencode.Meant(command.Argv); ok && errors.Is(err, wrapper.ErrNotFound) {
		return c, hint.On(hint.Input("%s is not a command", text.Quote(meant[len(meant)-len(command.Argv)])), "did you mean `ocgo-key run -- "+commandLine(meant)+"`?")
	}
	return c, hint.On(err, next)
}

// commandLine returns the words as a user types them.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = text.Quote(word)
	}
	return strings.Join(quoted, " ")
}

// identify is like whichClient, but does not check that the command can start. Its only error is
// opencode.ErrServer.
func identify(command *wrapper.Command) (client, error) {
	name := command.Argv[0]
	if !opencode.Is(name) {
		if other, known := clients.Of(name); known {
			return client{other: &other}, nil
		}
		return client{}, nil
	}
	path, err := exec.LookPath(name)
	if filepath.Base(name) == name {
		if real, notFound := opencode.Find(getenv(command.Env, pathName(command.Env, runtime.GOOS))); notFound == nil {
			path, err = real, nil
		}
	}
	if err != nil {
		return client{}, nil
	}
	c := client{is: true}
	if c.Program, err = opencode.IdentifyRemembered(os.Getenv, path); err != nil {
		c.Program = opencode.Program{Path: path, Real: path}
	}
	if c.Generation == 0 {
		c.Program = asked(c.Program, command.Env)
	}
	if direct, err := exec.LookPath(name); err != nil || direct != c.Path {
		c.shim = err == nil
		command.Argv = slices.Concat([]string{c.Path}, command.Argv[1:]) // the name would start a shim
	}
	if !c.generation2() {
		c.one = opencode.Parse(command.Argv[1:])
		return c, nil
	}
	c.two, err = opencode.Parse2(command.Argv[1:], isDir)
	if err == nil && c.two.Way == opencode.Standalone {
		command.Argv = append(command.Argv[:1:1], c.two.Standalone()...)
	}
	return c, err
}

// askTime is the time limit for a program with --version. The call takes 0.2 s, or 1.6 s for
// OpenCode 1.
const askTime = 20 * time.Second

// asked runs a program of unknown generation with --version. An OpenCode 2 must not be taken for
// OpenCode 1: it would start a service with the gateway's environment.
func asked(p opencode.Program, env []string) opencode.Program {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Path, "--version")
	cmd.Env, cmd.WaitDelay = env, time.Second
	if said, err := cmd.Output(); err == nil {
		p.Says(string(said))
	}
	return p
}

// kind returns the Kind of OpenCode's command line.
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

// folder creates the folder of this run. If that fails, it warns the user, and the run continues
// without the folder.
func (r *Run) folder(client client) opencode.RunFolder {
	const without = "an opencode that the command starts does not use the pool: "
	self, err := os.Executable()
	if err != nil {
		r.Tell.Warn(without+text.Line(err.Error()), "")
		return opencode.RunFolder{}
	}
	env := r.Command.Env
	real, _ := opencode.Find(getenv(env, pathName(env, runtime.GOOS))) // if there is none, the folder has no shim
	folder, err := opencode.NewRunFolder(os.TempDir(), runtime.GOOS, self, real)
	if err != nil {
		r.Tell.Warn(without+text.Line(err.Error()), "set TMPDIR to a folder that can be written")
	}
	if err == nil && client.other != nil && client.other.Extension != nil {
		if err := folder.AddExtension(client.other.Name+".js", client.other.Extension); err != nil {
			r.Tell.Warn(text.Line(err.Error()), "set TMPDIR to a folder that can be written")
		}
	}
	folder.Sweep(time.Now())
	return folder
}

// openCode2 prepares a run of OpenCode 2. The client needs no gateway: the server sends the
// requests.
func (r *Run) openCode2(client client) *OpenCode2 {
	two := &OpenCode2{Program: client.Path, Command: client.two, Client: pastProxies(r.Command.Env, runtime.GOOS), Stdin: r.Stdin}
	if len(client.two.Logs) > 0 {
		two.Logs = r.Stderr
	}
	return two
}

// runOpenCode2 runs two to its end.
func runOpenCode2(two *OpenCode2, gatewayURL string) (wrapper.Status, error) {
	two.Client = setenv(two.Client, GatewayVariable, gatewayURL) // turns on the toasts of the run's plugin
	status, err := two.Run()
	if _, exhausted := errors.AsType[*rotation.ExhaustedError](err); !exhausted {
		err = failed(err)
	}
	return status, err
}
