package caller

import "strings"

// compound has, for each language, the words that begin a compound command. Most compound commands
// also contain a separator, but not all.
var compound = map[dialect]map[string]bool{
	posix:      set("{ [[ if while until for case select function repeat coproc foreach"),
	fish:       set("{ if while for switch begin function and or"),
	nu:         set("if for while loop match try def do"),
	powershell: set("if foreach for while do switch function try param filter"),
	cmd:        set("if for"),
}

// oneCommand reports whether a shell's text is one simple command or one pipeline of simple
// commands. The commands may have quotes, redirections, assignments and substitutions. Lists (; &&
// || & and line feeds), compound commands, functions and here-documents are more than one command.
// oneCommand is not a full parser: in doubt, as for a quote that is never closed, it returns false.
// Then the shell is the caller.
func oneCommand(text string, d dialect) bool {
	s := scanner{text: text, dialect: d}
	return s.one()
}

type scanner struct {
	text string
	at   int
	dialect
	commands int    // the number of commands so far, outside of substitutions; a pipeline counts as one
	begun    bool   // the scanner is in a command
	piped    bool   // the next command belongs to the same pipeline
	inWord   bool   // the scanner is in a word
	first    bool   // the current word is the first of its command
	word     string // this first word, without quotes
}

func (s *scanner) peek(n int) byte {
	if s.at+n < len(s.text) {
		return s.text[s.at+n]
	}
	return 0
}

// one reports whether the text is one command and nothing else. It is long because each kind of
// quoting is a case of one switch.
func (s *scanner) one() bool {
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case s.isEscape(c):
			if s.peek(1) == '\n' && s.dialect != cmd {
				s.at += 2 // a continued line
				continue
			}
			s.begin("\\")
			s.at += 2
		case c == '"' || (c == '\'' && s.dialect != cmd) || (c == '`' && s.dialect == posix):
			s.begin("\"")
			if !s.skipQuoted() {
				return false
			}
		case c == '#' && !s.inWord && s.dialect != cmd:
			for s.at < len(s.text) && s.text[s.at] != '\n' {
				s.at++
			}
		case c == '$' && (s.peek(1) == '(' || s.peek(1) == '{'):
			s.begin("$")
			s.at++
			if !s.skipNested() {
				return false
			}
		case c == '(' || c == ')':
			if !s.parens(c) {
				return false
			}
		case c == '{' && (s.dialect == nu || s.dialect == powershell):
			s.begin("{") // a block as an argument
			if !s.skipNested() {
				return false
			}
		case c == '<' && s.peek(1) == '<':
			if s.peek(2) != '<' {
				return false // a here-document
			}
			if !s.endWord() {
				return false
			}
			s.at += 3
		case c == ' ' || c == '\t' || c == '\r':
			if !s.endWord() {
				return false
			}
			s.at++
		case c == '|' || c == '&' || c == ';' || c == '\n':
			if !s.endWord() || !s.operator(c) {
				return false
			}
		case (c == '<' || c == '>') && s.peek(1) == '(' && s.dialect == posix:
			s.begin("<") // a process substitution
			s.at++
			if !s.skipNested() {
				return false
			}
		case c == '<' || c == '>':
			s.redirect()
		default:
			s.begin(string(c))
			s.at++
		}
		if s.commands > 1 {
			return false
		}
	}
	return s.endWord() && s.commands == 1
}

func (s *scanner) isEscape(c byte) bool {
	switch s.dialect {
	case cmd:
		return c == '^'
	case powershell:
		return c == '`'
	case nu:
		return false
	default:
		return c == '\\'
	}
}

// begin adds text to the current word. If there is no current word or command, it begins one.
func (s *scanner) begin(text string) {
	if !s.inWord {
		s.inWord, s.first = true, !s.begun
	}
	if !s.begun {
		if !s.piped {
			s.commands++
		}
		s.begun, s.piped, s.word = true, false, ""
	}
	if s.first {
		s.word += text
	}
}

// endWord ends the current word. It returns false for a word that begins a compound command.
func (s *scanner) endWord() bool {
	word := s.word
	if s.dialect == powershell || s.dialect == cmd {
		word = strings.ToLower(word) // these languages ignore case
	}
	known := s.inWord && s.first && compound[s.dialect][word]
	s.inWord, s.first = false, false
	return !known
}

// operator handles a separator of commands. It returns false if the text is certainly a list.
func (s *scanner) operator(c byte) bool {
	next := s.peek(1)
	switch {
	case c == '|' && next == '|', c == '&' && next == '&':
		return false
	case c == '|':
		s.at++
		if next == '&' {
			s.at++
		}
		s.begun, s.piped = false, true
		return s.commands == 1
	case c == '&' && next == '>': // redirects both outputs to a file
		s.at++
		return true
	case c == '&' && s.dialect == powershell && !s.begun: // calls the command that follows
		s.at++
		return true
	case c == ';' && s.dialect == cmd: // a blank among arguments
		s.at++
		return true
	case c == '\n' && s.piped: // the pipeline continues on the next line
		s.at++
		return true
	}
	s.at++
	s.begun = false
	return true
}

// redirect skips an operator like >, >>, >|, <>, >&2 or <&-. Its target is then scanned as an
// ordinary word.
func (s *scanner) redirect() {
	if !s.begun { // a redirection may stand before its command
		s.begin("<")
	}
	s.inWord, s.first = false, false // the 2 of "2>" is not a word
	for s.at++; s.at < len(s.text) && strings.IndexByte("<>|&", s.text[s.at]) >= 0; {
		s.at++
	}
}

// parens handles a parenthesis without "$" before it. In sh it is a subshell, a function or an
// array; in fish, nu and PowerShell it is a substitution.
func (s *scanner) parens(c byte) bool {
	if c == ')' || s.dialect == posix || s.dialect == cmd {
		return false
	}
	s.begin("(")
	return s.skipNested()
}

// skipQuoted skips the quoted part at this position. It returns false if the part has no end.
func (s *scanner) skipQuoted() bool {
	quote := s.text[s.at]
	for s.at++; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c == quote:
			s.at++
			return true
		case s.isEscape(c) && (quote != '\'' || s.dialect == fish) && s.dialect != cmd:
			s.at++
		case quote == '"' && c == '$' && (s.peek(1) == '(' || s.peek(1) == '{') && s.dialect != cmd:
			s.at++
			if !s.skipNested() {
				return false
			}
			s.at--
		case quote == '"' && c == '`' && s.dialect == posix:
			if !s.skipQuoted() {
				return false
			}
			s.at--
		}
	}
	return false
}

// skipNested skips the part in brackets at this position. It returns false if the part has no end.
func (s *scanner) skipNested() bool {
	depth := 0
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case s.isEscape(c):
			s.at += 2
			continue
		case c == '"' || (c == '\'' && s.dialect != cmd) || (c == '`' && s.dialect == posix):
			if !s.skipQuoted() {
				return false
			}
			continue
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth--
		}
		if s.at++; depth == 0 {
			return true
		}
	}
	return false
}
