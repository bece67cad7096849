package manual

import (
	"fmt"
	"go/doc/comment"
	"strings"

	"github.com/alecthomas/kong"
)

// A Page is a man page.
type Page struct {
	App      *kong.Application
	Version  string
	Date     string // the date of the version, as 2006-01-02; may be empty
	Brief    string // a short description of the program
	Sections []Section
}

// Roff returns the page in the macros of man(7).
func (p Page) Roff() string {
	var r roff
	name := p.App.Name
	// The date is not escaped, since mandoc does not read an escaped one.
	fmt.Fprintf(&r, ".TH \"%s\" \"1\" \"%s\" \"%s\" \"User Commands\"\n", escape(strings.ToUpper(name)), p.Date, escape(name+" "+p.Version))
	r.macro("SH", "NAME")
	r.line(escape(name) + ` \- ` + escape(p.Brief))
	r.macro("SH", "SYNOPSIS")
	r.macro("B", name)
	r.macro("I", "command")
	r.line("[" + escape("arguments and flags") + "]")
	r.macro("SH", "DESCRIPTION")
	about, _ := detail(p.App.Help)
	r.blocks(about)
	r.macro("SH", "COMMANDS")
	for _, c := range Commands(p.App) {
		r.macro("SS", c.Usage)
		r.line(escape(c.Summary))
		if len(c.Aliases) > 0 {
			r.line(escape("Short: ") + bold(strings.Join(c.Aliases, ", ")) + ".")
		}
		r.blocks(c.Detail)
		for _, o := range c.Options {
			r.entry(bold(o.Term), escape(o.Help))
		}
		r.code(c.Example)
	}
	r.macro("SH", "FLAGS OF EVERY COMMAND")
	for _, o := range Flags(p.App) {
		r.entry(bold(o.Term), escape(o.Help))
	}
	for _, s := range p.Sections {
		r.macro("SH", strings.ToUpper(s.Title))
		for i, paragraph := range strings.Split(s.Text, "\n\n") {
			if i > 0 {
				r.macro("PP")
			}
			if paragraph != "" {
				r.line(inline(paragraph))
			}
		}
		for _, cells := range s.Rows {
			text := inline(cells[len(cells)-1])
			if len(cells) > 2 {
				text += " (" + inline(strings.Join(cells[1:len(cells)-1], ", ")) + ")"
			}
			r.entry(inline(cells[0]), text)
		}
	}
	return r.String()
}

// roff builds a page.
type roff struct {
	strings.Builder
	fresh bool // directly after a title, where no paragraph macro is needed
}

func (r *roff) macro(name string, args ...string) {
	if name == "PP" && r.fresh {
		return
	}
	r.fresh = name == "SH" || name == "SS"
	r.WriteString("." + name)
	for _, arg := range args {
		r.WriteString(` "` + strings.ReplaceAll(escape(arg), `"`, `\(dq`) + `"`)
	}
	r.WriteString("\n")
}

// lineWidth is the largest length of a source line, in bytes.
const lineWidth = 78

// line writes text that is already escaped.
func (r *roff) line(text string) {
	r.fresh = false
	n := 0
	for _, word := range strings.Fields(text) {
		switch {
		case n == 0:
			if word[0] == '.' || word[0] == '\'' {
				word = `\&` + word // so that roff does not read the line as a request
			}
		case n+1+len(word) <= lineWidth || word[0] == '.' || word[0] == '\'':
			r.WriteByte(' ')
			n++
		default:
			r.WriteByte('\n')
			n = 0
		}
		r.WriteString(word)
		n += len(word)
	}
	r.WriteByte('\n')
}

// entry writes a term, and its meaning indented below it. Both are already escaped.
func (r *roff) entry(term, text string) {
	r.macro("TP")
	r.line(term)
	r.line(text)
}

func (r *roff) blocks(blocks []comment.Block) {
	for _, block := range blocks {
		switch block := block.(type) {
		case *comment.Paragraph:
			r.macro("PP")
			r.line(escape(plain(block.Text)))
		case *comment.Heading:
			r.macro("PP")
			r.line(bold(plain(block.Text)))
		case *comment.Code:
			r.code(strings.TrimRight(block.Text, "\n"))
		case *comment.List:
			for _, item := range items(block) {
				r.macro("IP", "•", "2")
				r.line(escape(item))
			}
		}
	}
}

// code writes lines unchanged.
func (r *roff) code(lines string) {
	if lines == "" {
		return
	}
	r.macro("PP")
	r.macro("RS", "4")
	r.macro("nf")
	for line := range strings.SplitSeq(lines, "\n") {
		r.WriteString(`\&` + escape(line) + "\n")
	}
	r.macro("fi")
	r.macro("RE")
}

func bold(text string) string { return `\fB` + escape(text) + `\fP` }

// inline formats a text with `code` and [links](to).
func inline(text string) string {
	var b strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "`[")
		if i < 0 {
			break
		}
		b.WriteString(escape(text[:i]))
		text = text[i:]
		if code, rest, ok := strings.Cut(text[1:], "`"); ok && text[0] == '`' {
			b.WriteString(bold(code))
			text = rest
			continue
		}
		name, rest, ok := strings.Cut(text[1:], "](")
		_, after, closed := strings.Cut(rest, ")")
		if ok && closed && text[0] == '[' && !strings.Contains(name, "]") {
			b.WriteString(inline(name))
			text = after
			continue
		}
		b.WriteString(escape(text[:1]))
		text = text[1:]
	}
	return b.String() + escape(text)
}

// escape makes roff show text unchanged. It writes a hyphen as \-, which stays a hyphen when
// copied.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}
