package cli

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"ocgo-key/internal/term"
)

// layout describes how results are printed: for a terminal, a pipe or a screen reader.
type layout struct {
	width   int  // of a line, in columns
	endless bool // a pipe or file of unknown width: one line for each row of a grid
	utf8    bool // the locale uses UTF-8
	colour  bool
	plain   bool // sentences instead of pictures, for a screen reader
}

const (
	defaultWidth = 80 // of a pipe or file, in columns
	minWidth     = 24 // a narrower terminal gets lines of this width
)

// layout returns the layout for stdout.
func (a *app) layout() layout {
	tty := term.IsTerminal(a.stdout)
	dumb := a.dumb()
	l := layout{width: defaultWidth, utf8: localeIsUTF8(runtime.GOOS, a.getenv), plain: tty && dumb,
		colour: tty && !dumb && !a.NoColor && a.getenv("NO_COLOR") == ""}
	if tty {
		l.width = term.Width(a.stdout)
	} else if n, err := strconv.Atoi(a.getenv("COLUMNS")); err == nil && n > 0 { // watch(1) sets it, for example
		l.width = n
	} else {
		l.endless = true
	}
	l.width = max(l.width, minWidth)
	return l
}

// dumb reports whether the terminal has neither colours nor a cursor that can be moved.
func (a *app) dumb() bool {
	name := a.getenv("TERM")
	return name == "dumb" || name == "" && runtime.GOOS != "windows"
}

// localeIsUTF8 reports whether the locale uses UTF-8, by the first variable that is set.
func localeIsUTF8(goos string, getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return goos != "linux" // Windows and macOS use UTF-8 without a variable
}

// style is an SGR parameter: an attribute, or one of the sixteen colours of the user's theme.
type style string

const (
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// paint returns text in a style, or text alone for output without colour.
func (l layout) paint(s style, text string) string {
	if !l.colour || text == "" || s == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[m"
}

// columns returns the number of columns that text, without styles, takes on a terminal.
func columns(text string) int { return displaywidth.String(text) }

// fit truncates text, without styles, to n columns, with an ellipsis at the end.
func (l layout) fit(text string, n int) string {
	tail := "…"
	if !l.utf8 {
		tail = "..."
	}
	return displaywidth.TruncateString(text, max(n, 0), tail)
}

// wrap breaks text into lines of at most n columns, between words if possible.
func (l layout) wrap(text string, n int) []string {
	n = max(n, 2) // the width of the widest character
	lines, at := []string{""}, 0
	for _, word := range strings.Fields(text) {
		width := columns(word)
		if at > 0 && at+1+width > n {
			lines, at = append(lines, ""), 0
		}
		for ; width > n; width = columns(word) { // the word is longer than a line
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
