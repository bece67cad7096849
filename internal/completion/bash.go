package completion

import "strings"

// bashWord is a word as it stands on bash's line, quotes and all.
type bashWord struct {
	value string // what it means
	kept  string // its part that stays as it is: bash puts a completion in the place of the rest
	quote byte   // the quote that is open at its end: ', " or 0
}

// readBashWord reads a word that may lack its end. breaks is COMP_WORDBREAKS: what bash replaces begins behind an
// open quote, else behind the last of these that is not quoted.
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
				if c == '@' { // the one break that goes with what is behind it: a host
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

// write is the value as bash is to put it into the line, quoted as the word was begun.
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
