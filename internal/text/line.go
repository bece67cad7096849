// Package text makes text for people: one line that is safe on a terminal, one word of a shell's
// command line, counts and times. It decides nothing and knows nothing of the project.
package text

import (
	"fmt"
	"strings"
	"unicode"
)

// maxForeign bounds what of others' words OneLine keeps, in bytes.
const maxForeign = 120

// Line returns text with a space in the place of each character that is not printable, so that it
// is one line and moves no cursor, colours nothing and turns no direction: control characters, line
// ends, and invisible ones such as U+202E among them. All else stays as it is, runs of spaces too.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// Tidy is Line with single spaces between the words and none at the ends.
func Tidy(text string) string { return strings.Join(strings.Fields(Line(text)), " ") }

// OneLine makes the words of others fit for a line: Tidy, at most about 120 bytes long, and "?"
// where nothing is left.
func OneLine(text string) string { return OneLineOr(text, "?") }

// OneLineOr is OneLine with another word where nothing is left.
func OneLineOr(text, other string) string {
	text = Tidy(strings.ToValidUTF8(text, ""))
	for i := range text {
		if i > maxForeign {
			text = text[:i] + "…"
			break
		}
	}
	if text == "" {
		return other
	}
	return text
}

// Count is a number with its noun: "1 key", "2 keys".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
