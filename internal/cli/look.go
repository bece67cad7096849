package cli

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"ocgo-key/internal/term"
)

// look is how a result is shown to people.
type look struct {
	width  int  // of a line, in columns
	utf8   bool // the terminal shows more than ASCII
	colour bool
	plain  bool // sentences alone, for a screen reader
}

// Columns of what is no terminal, and the fewest that a picture is made for.
const (
	usualWidth = 80
	leastWidth = 24
)

// look returns how to show something on stdout.
func (a *app) look() look {
	tty := term.IsTerminal(a.stdout)
	dumb := a.dumb()
	l := look{width: usualWidth, utf8: localeIsUTF8(runtime.GOOS, a.getenv), plain: tty && dumb,
		colour: tty && !dumb && !a.NoColor && a.getenv("NO_COLOR") == ""}
	if tty {
		l.width = term.Width(a.stdout)
	} else if n, err := strconv.Atoi(a.getenv("COLUMNS")); err == nil && n > 0 { // watch(1) and others say it so
		l.width = n
	}
	l.width = max(l.width, leastWidth)
	return l
}

// dumb reports whether the terminal takes nothing but text.
func (a *app) dumb() bool {
	name := a.getenv("TERM")
	return name == "dumb" || name == "" && runtime.GOOS != "windows"
}

// localeIsUTF8 reports whether programs are to write UTF-8: the first of these variables that is set decides.
func localeIsUTF8(goos string, getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return goos != "linux" // Windows and macOS need no such variable
}

// style is how a terminal shows text: an attribute, or one of the sixteen colours that a user's theme sets (SGR).
type style string

const (
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// paint is text in a style, where there is colour.
func (l look) paint(s style, text string) string {
	if !l.colour || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[m"
}

// columns that text takes on a terminal; it has no styles yet.
func columns(text string) int { return displaywidth.String(text) }

// fit is text, which has no styles yet, in at most n columns, with a mark where something is cut off.
func (l look) fit(text string, n int) string {
	tail := "…"
	if !l.utf8 {
		tail = "..."
	}
	return displaywidth.TruncateString(text, max(n, 0), tail)
}

// wrap is text in lines of at most n columns: between words where it can be.
func (l look) wrap(text string, n int) []string {
	n = max(n, 2) // the widest character
	lines, at := []string{""}, 0
	for _, word := range strings.Fields(text) {
		width := columns(word)
		if at > 0 && at+1+width > n {
			lines, at = append(lines, ""), 0
		}
		for ; width > n; width = columns(word) { // no room on a line of its own either
			part := displaywidth.TruncateString(word, n, "")
			word = strings.TrimPrefix(word, part)
			lines = append(lines[:len(lines)-1], part, "")
		}
		if at > 0 {
			lines[len(lines)-1] += " "
			at++
		}
		lines[len(lines)-1] += word
		at += width
	}
	return lines
}
