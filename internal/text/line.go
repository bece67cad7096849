// Package text formats text for users: one line that is safe on a terminal, one word of a shell's
// command line, counts and times. It imports nothing else of the project.
package text

import (
	"fmt"
	"strings"
	"unicode"
)

// maxForeign is the length in bytes at which OneLine cuts another program's text.
const maxForeign = 120

// Line returns text with each unprintable character replaced by a space. Unprintable are control
// characters, line ends and invisible characters such as U+202E. So the text is one line and cannot
// move the cursor, set a colour or change the text direction. Runs of spaces stay.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// Tidy is like Line, with single spaces between words and no spaces at the ends.
func Tidy(text string) string { return strings.Join(strings.Fields(Line(text)), " ") }

// OneLine makes another program's text safe to show. It is like Tidy, but truncates text to about
// 120 bytes. If nothing is left, it returns "?".
func OneLine(text string) string { return OneLineOr(text, "?") }

// OneLineOr is like OneLine, but returns other if nothing is left.
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
