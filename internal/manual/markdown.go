package manual

import (
	"fmt"
	"go/doc/comment"
	"strings"
)

// Markdown returns the reference of the command, below a heading of the third level.
func (c Command) Markdown(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n```\n%s %s\n```\n\n%s\n", c.Name, program, c.Usage, prose(c.Summary))
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "Short: `%s`.\n", strings.Join(c.Aliases, "`, `"))
	}
	for _, block := range c.Detail {
		switch block := block.(type) {
		case *comment.Paragraph:
			fmt.Fprintf(&b, "\n%s\n", prose(plain(block.Text)))
		case *comment.Heading:
			fmt.Fprintf(&b, "\n**%s**\n", prose(plain(block.Text)))
		case *comment.Code:
			fmt.Fprintf(&b, "\n```\n%s\n```\n", strings.TrimRight(block.Text, "\n"))
		case *comment.List:
			b.WriteByte('\n')
			for _, item := range items(block) {
				fmt.Fprintf(&b, "- %s\n", prose(item))
			}
		}
	}
	if len(c.Options) > 0 {
		fmt.Fprintf(&b, "\n%s", Table(c.Options))
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\n```sh\n%s\n```\n", c.Example)
	}
	return b.String()
}

// Table returns a Markdown table of arguments and flags.
func Table(options []Option) string {
	s := Section{Columns: []string{"argument or flag", "meaning"}}
	for _, o := range options {
		s.Rows = append(s.Rows, []string{"`" + o.Term + "`", prose(o.Help)})
	}
	return s.Markdown()
}

// Markdown returns the section without its title.
func (s Section) Markdown() string {
	var b strings.Builder
	if s.Text != "" {
		b.WriteString(s.Text + "\n\n")
	}
	row := func(cells []string) {
		b.WriteString("|")
		for _, cell := range cells {
			b.WriteString(" " + strings.ReplaceAll(cell, "|", `\|`) + " |")
		}
		b.WriteString("\n")
	}
	row(s.Columns)
	b.WriteString("|" + strings.Repeat("---|", len(s.Columns)) + "\n")
	for _, cells := range s.Rows {
		row(cells)
	}
	return b.String()
}

// prose escapes plain text so that Markdown shows it unchanged.
func prose(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "<", `\<`, "[", `\[`, "`", "\\`").Replace(text)
}
