package manual_test

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/manual"
)

type giveCmd struct {
	Name string `arg:"" help:"Whose it is: <a|b>."`
	Size int    `short:"s" placeholder:"N" default:"3" env:"X_SIZE" help:"How much. (${default})"`
	Old  bool   `hidden:""`
}

func (*giveCmd) Help() string {
	return `Gives *it*, and takes C:\nothing.
.dots begin no request

Sizes:
  - small: not much
  - large: a lot,
    and more

So:
  ./give-me

Examples:
  x give 'it'
  x give -s 4 "…"`
}

type grammar struct {
	Quiet bool    `short:"q" help:"Less."`
	Give  giveCmd `cmd:"" aliases:"g" help:"Give it."`
	Outer struct {
		Inner struct{} `cmd:"" help:"Inside."`
	} `cmd:"" help:"Outside."`
	Secret struct{} `cmd:"" hidden:""`
}

func app(t *testing.T) *kong.Application {
	parser, err := kong.New(new(grammar), kong.Name("x"), kong.Description("Does it.\n\nAlways."))
	require.NoError(t, err)
	return parser.Model
}

const giveMarkdown = "### give\n\n```\nx give <name> [flags]\n```\n\nGive it.\nShort: `g`.\n" + `
Gives \*it\*, and takes C:\\nothing. .dots begin no request

Sizes:

- small: not much
- large: a lot, and more

So:

` + "```\n./give-me\n```\n" + `
| argument or flag | meaning |
|---|---|
` + "| `<name>` | Whose it is: \\<a\\|b>. |\n| `-s, --size=N` | How much. (3) ($X_SIZE) |\n\n```sh\n" + `x give 'it'
x give -s 4 "…"
` + "```\n"

func TestMarkdown(t *testing.T) {
	commands := manual.Commands(app(t))
	require.Len(t, commands, 2)
	assert.Equal(t, giveMarkdown, commands[0].Markdown("x"))
	assert.Equal(t, "### outer inner\n\n```\nx outer inner\n```\n\nInside.\n", commands[1].Markdown("x"))
	assert.Equal(t, "| argument or flag | meaning |\n|---|---|\n| `-h, --help` | Show context-sensitive help. |\n| `-q, --quiet` | Less. |\n", manual.Table(manual.Flags(app(t))))
}

var files = manual.Section{Title: "Files", Text: "In `~/x`, see [there](#there), not [here], nor [`a b`](x) or `.\n\nNone is yours.", Columns: []string{"file", "read", "holds"},
	Rows: [][]string{{"`a-b`", "by `give`", "'all'"}}}

func TestSection(t *testing.T) {
	assert.Equal(t, "In `~/x`, see [there](#there), not [here], nor [`a b`](x) or `.\n\nNone is yours.\n\n| file | read | holds |\n|---|---|---|\n| `a-b` | by `give` | 'all' |\n", files.Markdown())
}

const page = `.TH "X" "1" "2026-01-02" "x 1.0" "User Commands"
.SH "NAME"
x \- it
.SH "SYNOPSIS"
.B "x"
.I "command"
[arguments and flags]
.SH "DESCRIPTION"
Does it.
.PP
Always.
.SH "COMMANDS"
.SS "give <name> [flags]"
Give it.
Short: \fBg\fP.
.PP
Gives *it*, and takes C:\enothing. .dots begin no request
.PP
Sizes:
.IP "\[u2022]" "2"
small: not much
.IP "\[u2022]" "2"
large: a lot, and more
.PP
So:
.PP
.RS "4"
.nf
\&./give\-me
.fi
.RE
.TP
\fB<name>\fP
Whose it is: <a|b>.
.TP
\fB\-s, \-\-size=N\fP
How much. (3) ($X_SIZE)
.PP
.RS "4"
.nf
\&x give \(aqit\(aq
\&x give \-s 4 "\[u2026]"
.fi
.RE
.SS "outer inner"
Inside.
.SH "FLAGS OF EVERY COMMAND"
.TP
\fB\-h, \-\-help\fP
Show context\-sensitive help.
.TP
\fB\-q, \-\-quiet\fP
Less.
.SH "FILES"
In \fB\(ti/x\fP, see there, not [here], nor \fBa b\fP or ` + "\\(ga" + `.
.PP
None is yours.
.TP
\fBa\-b\fP
\(aqall\(aq (by \fBgive\fP)
`

func TestRoff(t *testing.T) {
	got := manual.Page{App: app(t), Version: "1.0", Date: "2026-01-02", Brief: "it", Sections: []manual.Section{files}}.Roff()
	assert.Equal(t, page, got)
	long := manual.Page{App: app(t), Brief: strings.Repeat("word .dot ", 40)}.Roff()
	for line := range strings.Lines(long) {
		assert.LessOrEqual(t, len(line), 90, line)
		assert.False(t, strings.HasPrefix(line, ".dot"), "the text became a roff request: %s", line)
	}
}
