package text

import (
	"runtime"
	"strings"
)

// Quote returns text as one word of a command line of the user's shell: sh, bash, zsh and fish on
// Unix, PowerShell and cmd on Windows. It applies Line first, so that a command line is one line.
// So a name with unprintable characters is changed, and a command does not find it. That is
// harmless.
func Quote(text string) string { return quoteFor(runtime.GOOS, text) }

func quoteFor(goos, text string) string {
	text = Line(text)
	switch windows := goos == "windows"; {
	case plain(text, windows):
		return text
	case windows:
		// Between double quotes, PowerShell needs a backtick before special characters and
		// typographic quotes. cmd leaves the backtick in the text, which is harmless. Both read ""
		// as a quote.
		return `"` + windowsSpecial.Replace(text) + `"`
	}
	// Between single quotes, fish has the escapes \\ and \'. Other shells have no escapes there.
	return "'" + unixSpecial.Replace(text) + "'"
}

var (
	windowsSpecial = strings.NewReplacer(`"`, `""`, "`", "``", "$", "`$", "“", "`“", "”", "`”", "„", "`„")
	unixSpecial    = strings.NewReplacer(`'`, `'\''`, `\`, `'\\'`)
)

// plain reports whether the shell reads unquoted text as one word.
func plain(text string, windows bool) bool {
	safe := "_-./:+@%,="
	if windows {
		safe = "_-./:+"
	}
	// zsh replaces =ls by the path of ls.
	return text != "" && text[0] != '=' && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(safe, r))
	}) < 0
}
