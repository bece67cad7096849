package completion

import "strings"

// A bashWord is a word of bash's command line, with its quotes interpreted.
type bashWord struct {
	value string // without quotes
	kept  string // the part that bash keeps; a completion replaces the rest
	quote byte   // the unclosed quote at its end: ', " or 0
}

// readBashWord parses a word that may be incomplete. breaks is COMP_WORDBREAKS. The part that bash
// replaces begins after an unclosed quote, or else after the last unquoted character of breaks.
func readBashWord(raw, breaks string) bashWord {
	var w bashWord
	var value strings.Builder
	kept, opened := 0, 0
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case w.quote != 0 && c == w.quote:
			w.quote = 0
		case w.quote == 0 && (c == '\'' || c == '"'):
			w.quote, opened = c, value.Len()
		case c == '\\' && w.quote != '\'':
			if i++; i == len(raw) {
				break
			}
			if w.quote == '"' && strings.IndexByte("$`\"\\", raw[i]) < 0 {
				value.WriteByte(c)
			}
			value.WriteByte(raw[i])
		default:
			value.WriteByte(c)
			if w.quote == 0 && strings.IndexByte(breaks, c) >= 0 {
				kept = value.Len()
				if c == '@' { // bash replaces a host name together with its @
					kept--
				}
			}
		}
	}
	if w.quote != 0 {
		kept = opened
	}
	w.value = value.String()
	w.kept = w.value[:kept]
	return w
}

// write returns the text that bash inserts, with the quoting style of the beginning of the word.
func (w bashWord) write(v Value) string {
	if !hasPrefixFold(v.Text, w.kept) {
		return ""
	}
	text := v.Text[len(w.kept):]
	switch w.quote {
	case '\'':
		return strings.ReplaceAll(text, "'", `'\''`)
	case '"':
		return strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "$", "\\$", "`", "\\`").Replace(text)
	}
	var quoted strings.Builder
	for _, r := range text {
		if !wordRune(r, "-_./:=@+%,") && r < 0x80 {
			quoted.WriteByte('\\')
		}
		quoted.WriteRune(r)
	}
	return quoted.String()
}
