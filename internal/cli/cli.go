// Package cli is the command line: the grammar, one file per command, the messages and the exit codes.
// It connects the other packages and makes no decisions about accounts.
package cli

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/mistake"
	"ocgo-key/internal/report"
)

// grammar lists all commands. Each is defined in its own file.
type grammar struct {
	globals `group:"Flags of every command:"`

	Add        addCmd        `cmd:"" group:"Accounts:" help:"Add an account; asks for its key, or reads it from a pipe."`
	Import     importCmd     `cmd:"" group:"Accounts:" help:"Move keys from plain-text files into the keychain."`
	List       listCmd       `cmd:"" group:"Look:" aliases:"ls" help:"List the accounts: state, who holds them, last use."`
	Status     statusCmd     `cmd:"" group:"Look:" help:"Show the usage and state of each account, and who is next."`
	Remove     removeCmd     `cmd:"" group:"Accounts:" aliases:"rm" help:"Remove an account and its key."`
	Rename     renameCmd     `cmd:"" group:"Accounts:" help:"Give an account another label."`
	Enable     enableCmd     `cmd:"" group:"Accounts:" help:"Make an account usable again now, after disable, a rejection or a limit."`
	Disable    disableCmd    `cmd:"" group:"Accounts:" help:"Stop using an account."`
	Replace    replaceCmd    `cmd:"" group:"Accounts:" help:"Give an account a new key."`
	Get        getCmd        `cmd:"" group:"Use:" help:"Print the key for the calling process (the credential helper)."`
	Use        useCmd        `cmd:"" group:"Use:" help:"Choose the account of the next process, or of this one."`
	Current    currentCmd    `cmd:"" group:"Look:" aliases:"whoami" help:"Print the account of this process or folder, and why."`
	Rotate     rotateCmd     `cmd:"" group:"Use:" aliases:"next,skip" help:"Switch to the next account now."`
	Run        runCmd        `cmd:"" group:"Use:" help:"Run OpenCode, or another command, on the pool."`
	Gateway    gatewayCmd    `cmd:"" group:"Use:" help:"Run the gateway alone, for other clients."`
	Install    installCmd    `cmd:"" group:"Set up:" help:"Make plain opencode use the pool. Shows first what it will write."`
	Uninstall  uninstallCmd  `cmd:"" group:"Set up:" help:"Undo what install did."`
	History    historyCmd    `cmd:"" group:"Look:" help:"Show past switches, and how often each limit was hit."`
	Migrate    migrateCmd    `cmd:"" group:"Set up:" overview:"no" help:"Move all keys to another store: the OS keychain, an encrypted file, a credential helper."`
	Config     configCmd     `cmd:"" group:"Set up:" help:"Show or change settings: strategy, moves before the limit, store, identity."`
	Doctor     doctorCmd     `cmd:"" group:"Look:" help:"Find problems, and name the command that fixes each."`
	Demo       demoCmd       `cmd:"" group:"Set up:" overview:"no" help:"Show a switch of accounts, with no account and no keychain."`
	DemoClient demoClientCmd `cmd:"" hidden:""`
	Completion completionCmd `cmd:"" group:"Set up:" overview:"no" help:"Print a shell completion script."`
	Complete   completeCmd   `cmd:"" name:"__complete" hidden:"" passthrough:""`
	Man        manCmd        `cmd:"" hidden:"" help:"Print the man page."`
	Help       helpCmd       `cmd:"" group:"Set up:" overview:"no" help:"Show all commands and flags, or the help of one command."`
	Version    versionCmd    `cmd:"" group:"Set up:" overview:"no" help:"Print the version (also --version)."`
}

// globals are the flags of every command.
type globals struct {
	JSON       bool   `name:"json" help:"Print one JSON document on stdout."`
	Store      string `placeholder:"STORE" env:"OCGO_KEY_STORE" complete:"store" help:"Where keys are kept: os (the OS keychain), file (one file that age encrypts) or docker:NAME (a docker credential helper). Default: the store set with config, else os."`
	Identity   string `placeholder:"PATH" env:"OCGO_KEY_IDENTITY" complete:"file" help:"The age identity that decrypts the file store: its path, or an open file descriptor as fd:N."`
	BaseURL    string `name:"base-url" placeholder:"URL" default:"https://opencode.ai/zen/go/v1" env:"OCGO_KEY_BASE_URL" help:"The service. http only for loopback."`
	TrustState bool   `name:"trust-state" env:"OCGO_KEY_TRUST_STATE" help:"Use the state folder even if another user may change it: for file systems without owners and modes."`
	NoColor    bool   `name:"no-color" help:"No colour (also NO_COLOR)."`
	Quiet      bool   `short:"q" help:"Print only results and errors."`
	Verbose    bool   `short:"v" help:"Print more details on stderr."`
}

const description = `Keeps OpenCode Go keys in the OS keychain. Every OpenCode process gets the next one and keeps it; when a limit is hit, your session continues on the next key.

First time:
  ocgo-key add Work          # asks for the key
  ocgo-key add Personal
  ocgo-key run               # OpenCode, on the pool`

// exited is the exit code with which kong panics to end its parser, such as after --help.
type exited int

// Main runs the command line args and returns the exit code.
func Main(args []string) (code int) {
	a := newApp()
	guard(a.getenv)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exited:
			code = int(p)
		default:
			// The panic's value and stack are not shown, since they may contain a key.
			a.Complain(fmt.Errorf("internal error (%T at %s)", p, panicPlace(debug.Stack())), "please report this, with the command you typed")
			code = exitInternal
		}
	}()
	if keyAmong(args) {
		return a.fail(hint.On(hint.Input("a key must not be on the command line, where other programs can see it; it is in your shell's history now"),
			"remove it there; `ocgo-key add LABEL` asks for the key"))
	}
	if len(args) == 0 {
		return a.fail(firstScreen(a))
	}
	if args[0] == "--version" || args[0] == "-V" {
		args[0] = "version"
	}
	var g grammar
	name, run, err := g.read(args, a)
	if err != nil {
		return a.fail(err)
	}
	a.globals = g.globals
	a.Level(a.Quiet, a.Verbose)
	if err := a.refuseAgent(name, &g); err != nil {
		return a.fail(err)
	}
	if err := a.check(); err != nil {
		return a.fail(err)
	}
	err = run()
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.end()
	}
	return a.fail(err)
}

// read parses the command line. It returns the name of the command and the function that runs it.
func (g *grammar) read(args []string, a *app) (name string, run func() error, err error) {
	if g.plain(args) {
		return "get", func() error { return g.Get.Run(a) }, nil
	}
	part, copyBack := g.part(args[0])
	parser, err := newParser(part, a)
	if err != nil {
		return "", nil, err
	}
	ctx, err := parser.Parse(args)
	copyBack()
	if err != nil {
		return "", nil, mistake.Explain(parser.Model, args, err)
	}
	return ctx.Selected().Name, func() error { return ctx.Run(a) }, nil
}

// quick are the commands that programs call often, so they have to start fast.
var quick = []string{"Get", "Run", "List", "Rotate", "Gateway", "Version", "Current"}

// part returns the grammar for a command line with this first word. For a quick command the grammar
// has only that command: building the model of all commands takes as long as a keychain call.
// copyBack copies the parsed values to g.
func (g *grammar) part(word string) (part any, copyBack func()) {
	i := slices.IndexFunc(quick, func(name string) bool { return strings.ToLower(name) == word })
	if i < 0 {
		return g, func() {}
	}
	all := reflect.ValueOf(g).Elem()
	flags, _ := all.Type().FieldByName("globals")
	command, _ := all.Type().FieldByName(quick[i])
	one := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Globals", Type: flags.Type, Tag: flags.Tag + ` embed:""`},
		{Name: command.Name, Type: command.Type, Tag: command.Tag},
	})).Elem()
	return one.Addr().Interface(), func() {
		g.globals = one.Field(0).Interface().(globals)
		all.FieldByIndex(command.Index).Set(one.Field(1))
	}
}

func newParser(g any, a *app) (*kong.Kong, error) {
	return kong.New(g,
		kong.Name("ocgo-key"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: maxHelpWidth}),
		kong.Help(a.printHelp),
		kong.Writers(a.stdout, a.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }))
}

// keyAmong reports whether one of args looks like a key, so that no error message repeats it. It
// does not check the command that `run` starts.
func keyAmong(args []string) bool {
	for _, arg := range args {
		if arg == "run" {
			return false
		}
		if keyform.Within(arg) {
			return true
		}
	}
	return false
}

// fail reports err, if any, and returns its exit code.
func (a *app) fail(err error) int {
	if err == nil {
		return 0
	}
	code, next := explain(err)
	a.Complain(err, next)
	return code
}

// done reports a changed account: as a message, or with --json as a document.
func (a *app) done(what, label, id string) error {
	if a.JSON {
		return a.Document(map[string]string{"account": label, "id": id})
	}
	a.Say("%s %s", what, label)
	return nil
}

// stored is like done, for a command that stored a key. If the key is not in the OS keychain,
// stored also says where it is.
func (a *app) stored(what, label, id string) error {
	err := a.done(what, label, id)
	if to := a.keys().Destination(); err == nil && !a.JSON && to != accounts.Place(accounts.OSStore) {
		a.Say("its key is in %s", to)
	}
	return err
}

func newApp() *app {
	return &app{Terminal: &report.Terminal{Out: os.Stdout, Err: os.Stderr}, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
}
