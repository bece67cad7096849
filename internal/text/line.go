// Package text formats text for users: one line that is safe on a terminal, one word of a shell's
// command line, counts and times. It is independent of the rest of the project.
package text

import (
	"fmt"
	"strings"
	"unicode"
)

// maxForeign limits, in bytes, how much of another program's text OneLine keeps.
const maxForeign = 120

// Line returns text with each unprintable character replaced by a space, so that it is one line and
// moves no cursor, sets no colour and changes no text direction: this includes control characters,
// line ends and invisible characters such as U+202E. Everything else stays, including runs of
// spaces.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// Tidy is Line with single spaces between words and none at the ends.
func Tidy(text string) string { return strings.Join(strings.Fields(Line(text)), " ") }

// OneLine makes another program's text safe to show: it is Tidy, cut to about 120 bytes, or "?" if
// nothing is left.
func OneLine(text string) string { return OneLineOr(text, "?") }

// OneLineOr is OneLine, but returns other if nothing is left.
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

// Count returns a number with its noun: "1 key", "2 keys".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
