package opencode

import (
	"fmt"
	"strings"
)

// references are the texts {env:NAME} and {file:PATH} in a configuration. OpenCode replaces them
// before it parses the JSON, so they may stand for any part of it:
// {"autoupdate":{env:AU},{file:members}}. Source: docs/facts.md, "Which key OpenCode uses".
type references struct {
	mark  string // the beginning of each placeholder; it is nowhere else in the configuration
	pairs []string
}

// quoteReferences replaces each reference with a placeholder, so that the text becomes plain JSON.
// In place of a value or a key, the placeholder is a string. In place of members, it is a member.
// Within a string, it is a part of that string; if inQuotes is false, such references are left
// unchanged. Each placeholder has KeyForm Reference. Comments are left unchanged.
func quoteReferences(config string, inQuotes bool) (string, references) {
	r := references{}
	for i := 0; r.mark == "" || strings.Contains(config, r.mark); i++ {
		r.mark = fmt.Sprintf("{env:ocgo-key-reference-%d-", i)
	}
	if !strings.Contains(config, "{env:") && !strings.Contains(config, "{file:") {
		return config, r
	}
	q := quoting{references: r, rest: config, inQuotes: inQuotes, literal: -1}
	for q.rest != "" {
		q.step()
	}
	return string(q.out), q.references
}

// restore replaces the placeholders with their references.
func (r references) restore(config string) string {
	return strings.NewReplacer(r.pairs...).Replace(config)
}

// placeholder returns the next placeholder. written is the format for it, with one %s.
func (r *references) placeholder(reference, written string) string {
	p := fmt.Sprintf(written, fmt.Sprintf("%s%d}", r.mark, len(r.pairs)/2))
	r.pairs = append(r.pairs, p, reference)
	return p
}

// quoting is the state of quoteReferences.
type quoting struct {
	references
	inQuotes bool
	rest     string
	out      []byte
	open     []byte // the open brackets
	key      bool   // a key or a member comes next
	literal  int    // where an unfinished word without quotes begins in out; -1 for none
}

// step moves one token from rest to out.
func (q *quoting) step() {
	switch c := q.rest[0]; {
	case c == '"':
		q.text()
	case strings.HasPrefix(q.rest, "//"):
		q.move(upTo(q.rest, "\n"))
	case strings.HasPrefix(q.rest, "/*"):
		q.move(upTo(q.rest, "*/"))
	case reference(q.rest) > 0:
		q.bare()
	case ofLiteral(c):
		if q.literal < 0 {
			q.literal = len(q.out)
		}
		q.out, q.rest = append(q.out, c), q.rest[1:]
	default:
		switch c {
		case '{', '[':
			q.open = append(q.open, c)
			q.key = c == '{'
		case '}', ']':
			q.open, q.key = q.open[:max(0, len(q.open)-1)], false
		case ',':
			q.key = len(q.open) > 0 && q.open[len(q.open)-1] == '{'
		case ':':
			q.key = false
		}
		q.move(1)
	}
}

func (q *quoting) move(n int) {
	q.out, q.rest, q.literal = append(q.out, q.rest[:n]...), q.rest[n:], -1
}

// text copies a string literal to the output, or the rest of the input if the literal is not
// closed. A quote within a reference does not end the literal.
func (q *quoting) text() {
	q.move(1)
	for q.rest != "" {
		switch n := reference(q.rest); {
		case n > 0 && q.inQuotes:
			q.out, q.rest = append(q.out, q.placeholder(q.rest[:n], "%s")...), q.rest[n:]
		case n > 0:
			q.move(n)
		case q.rest[0] == '\\':
			q.move(min(2, len(q.rest)))
		case q.rest[0] == '"':
			q.move(1)
			return
		default:
			q.move(1)
		}
	}
}

// bare puts a placeholder in place of a word without quotes that contains references: "{env:A}",
// "-{env:A}.5", "{env:A}{env:B}".
func (q *quoting) bare() {
	before := ""
	if q.literal >= 0 {
		before = string(q.out[q.literal:])
		q.out = q.out[:q.literal]
	}
	end := 0
	for end < len(q.rest) {
		if n := reference(q.rest[end:]); n > 0 {
			end += n
		} else if ofLiteral(q.rest[end]) {
			end++
		} else {
			break
		}
	}
	word := before + q.rest[:end]
	q.rest, q.literal = q.rest[end:], -1
	written := `"%s"`
	if q.key && !strings.HasPrefix(afterSpace(q.rest), ":") {
		written = `"%s":0`
	}
	q.out = append(q.out, q.placeholder(word, written)...)
}

// reference returns the length of the reference at the beginning of s, 0 for none. OpenCode
// replaces {env:…} first, so the path in {file:…} may contain {env:…}.
func reference(s string) int {
	const env, file = "{env:", "{file:"
	if strings.HasPrefix(s, env) {
		if end := strings.IndexByte(s, '}'); end > len(env) {
			return end + 1
		}
	}
	if !strings.HasPrefix(s, file) {
		return 0
	}
	for i := len(file); i < len(s); {
		n := 0
		if strings.HasPrefix(s[i:], env) {
			n = reference(s[i:])
		}
		switch {
		case n > 0:
			i += n
		case s[i] != '}':
			i++
		case i == len(file):
			return 0
		default:
			return i + 1
		}
	}
	return 0
}

// afterSpace returns s without leading white space and comments.
func afterSpace(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		switch {
		case strings.HasPrefix(s, "//"):
			s = s[upTo(s, "\n"):]
		case strings.HasPrefix(s, "/*"):
			s = s[upTo(s, "*/"):]
		default:
			return s
		}
	}
}

// ofLiteral reports whether a byte may be part of a word without quotes: a number, true, false,
// null, or a misspelling of these.
func ofLiteral(c byte) bool { return strings.IndexByte(" \t\r\n,:[]{}\"/", c) < 0 }

func upTo(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}
