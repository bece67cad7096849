// Package manual formats the command-line grammar as Markdown and as a man page.
//
// It reads kong's model. The caller passes texts that are not in the grammar as Sections.
package manual

import (
	"go/doc/comment"
	"strings"

	"github.com/alecthomas/kong"
)

// A Section is a part of the manual that does not belong to one command. Its texts may contain
// `code` and [links](to).
type Section struct {
	Title   string
	Text    string     // paragraphs before the table; may be empty
	Columns []string   // the headings of the columns; the first column has the term
	Rows    [][]string // each row has one cell per column
}

// A Command has the data of one command from the grammar.
type Command struct {
	Name    string // "config", or "outer inner"
	Aliases []string
	Usage   string // without the program's name: "rename <name> <new> [flags]"
	Summary string
	Detail  []comment.Block // the help text without the examples
	Options []Option        // the arguments, then the flags of this command
	Example string          // commands to type into a shell
}

// Option is an argument or a flag.
type Option struct {
	Term string // "<name>", "-y, --yes", "--pid=PID"
	Help string
}

// Commands returns all visible commands that can be run, in the order of the grammar.
func Commands(app *kong.Application) []Command {
	var all []Command
	for _, node := range app.Leaves(true) {
		c := Command{Name: path(node), Aliases: node.Aliases, Summary: node.Help}
		c.Detail, c.Example = detail(node.Detail)
		c.Usage = strings.Replace(node.Summary(), node.Path(), c.Name, 1)
		for _, arg := range node.Positional {
			c.Options = append(c.Options, Option{arg.Summary(), arg.Help})
		}
		for n := node; n.Type != kong.ApplicationNode; n = n.Parent {
			c.Options = append(c.Options, options(n.Flags)...)
		}
		all = append(all, c)
	}
	return all
}

// path returns a command's name, with its parents' names before it.
func path(node *kong.Node) string {
	if node.Parent == nil || node.Parent.Type == kong.ApplicationNode {
		return node.Name
	}
	return path(node.Parent) + " " + node.Name
}

// Flags returns the flags that every command accepts.
func Flags(app *kong.Application) []Option { return options(app.Flags) }

func options(flags []*kong.Flag) []Option {
	var all []Option
	for _, f := range flags {
		if !f.Hidden {
			all = append(all, Option{f.String(), kong.DefaultHelpValueFormatter(f.Value)})
		}
	}
	return all
}

// detail parses a help text. The code below "Examples:" at its end is the example.
func detail(text string) (blocks []comment.Block, example string) {
	blocks = new(comment.Parser).Parse(text).Content
	n := len(blocks)
	if n < 2 {
		return blocks, ""
	}
	title, isText := blocks[n-2].(*comment.Paragraph)
	code, isCode := blocks[n-1].(*comment.Code)
	if !isText || !isCode {
		return blocks, ""
	}
	if t := plain(title.Text); t != "Examples:" && t != "Example:" {
		return blocks, ""
	}
	return blocks[:n-2], strings.TrimRight(code.Text, "\n")
}

// plain returns the text of a paragraph on one line.
func plain(text []comment.Text) string {
	var b strings.Builder
	for _, t := range text {
		switch t := t.(type) {
		case comment.Plain:
			b.WriteString(string(t))
		case comment.Italic:
			b.WriteString(string(t))
		case *comment.Link:
			b.WriteString(plain(t.Text))
		case *comment.DocLink:
			b.WriteString(plain(t.Text))
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// items returns the texts of a list's items.
func items(l *comment.List) []string {
	var all []string
	for _, item := range l.Items {
		var parts []string
		for _, b := range item.Content {
			if p, ok := b.(*comment.Paragraph); ok {
				parts = append(parts, plain(p.Text))
			}
		}
		all = append(all, strings.Join(parts, " "))
	}
	return all
}
