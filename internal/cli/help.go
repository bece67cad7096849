package cli

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"ocgo-key/internal/manual"
	"ocgo-key/internal/mistake"
	"ocgo-key/internal/paths"
	"ocgo-key/rotation"
)

// maxHelpWidth is the largest width of a help text, in columns.
const maxHelpWidth = 100

type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command to explain. Default: all."`
}

func (*helpCmd) Help() string {
	return `Without a command it shows all commands, the flags of every command, and the exit codes.

Examples:
  ocgo-key help
  ocgo-key help run`
}

func (c *helpCmd) Run(a *app) error {
	parser, err := newParser(new(grammar), a)
	if err != nil {
		return err
	}
	_, err = parser.Parse(append(c.Command, "--help")) // ends in a panic with the exit code
	return mistake.Explain(parser.Model, c.Command, err)
}

// printHelp is kong's help. The help of one command leaves out the flags of every command; the help
// of all commands also has the exit codes.
func (a *app) printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	manual.SortByGroup(ctx.Model)
	command := ctx.Selected()
	if command != nil {
		for _, f := range ctx.Model.Flags {
			f.Hidden = f.Hidden || f.Group != nil
		}
	}
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if command != nil {
		return a.Print("\nFlags of every command: ocgo-key help\n")
	}
	return a.Print("\n%s", plainTable(exitSection(), min(a.layout().width, maxHelpWidth)))
}

const welcome = `Several OpenCode Go subscriptions, one OpenCode: when one hits its limit, your
session continues on the next. The keys stay in the OS keychain.

  ocgo-key add Work      # asks for the key
  ocgo-key add Personal
  ocgo-key run           # OpenCode, on the pool
  ocgo-key demo          # shows a switch, without an account
  ocgo-key help          # all commands
`

// firstScreen is the answer to a command line without words: how to begin, or the usual commands if
// there are accounts.
func firstScreen(a *app) error {
	dir, err := paths.StateDir(a.getenv, os.UserHomeDir)
	if err != nil {
		return a.Print("%s", welcome)
	}
	o, err := rotation.Peek(dir).Overview(context.Background())
	if err == nil && len(o.Accounts) == 0 {
		return a.Print("%s", welcome)
	}
	parser, err := newParser(new(grammar), a)
	if err != nil {
		return err
	}
	return a.Print("%s", manual.Overview(parser.Model, min(a.layout().width, maxHelpWidth)))
}

// plainTable returns a section with two columns as plain text in lines of at most width columns.
func plainTable(s manual.Section, width int) string {
	link := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n", s.Title)
	indent := 0
	for _, row := range s.Rows {
		indent = max(indent, len(row[0])+4)
	}
	for _, row := range s.Rows {
		begin := fmt.Sprintf("  %-*s", indent-2, row[0])
		plain := strings.ReplaceAll(link.ReplaceAllString(row[1], "$1"), "`", "")
		for _, line := range (layout{}).wrap(plain, width-indent) {
			b.WriteString(begin + line + "\n")
			begin = strings.Repeat(" ", indent)
		}
	}
	return b.String()
}
