package opencode

import (
	"bytes"
	"strconv"
	"strings"
)

// readList reads a list of keys: one key on a line, or a label, then a tab, spaces or an equals sign, then the key.
// Lines that are empty or begin with # say nothing. A shell's "export NAME=KEY" is one of these.
func readList(list []byte) []Login {
	var found []Login
	number := 0
	for line := range bytes.Lines(list) {
		number++
		if login, ok := listLogin(string(line)); ok {
			login.Entry = "line " + strconv.Itoa(number)
			found = append(found, login)
		}
		if len(found) > maxLogins {
			break // one too many is enough to be refused
		}
	}
	return found
}

// listLogin reads one line; false for one that says nothing.
func listLogin(line string) (Login, bool) {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return Login{}, false
	}
	label, raw := splitLine(strings.TrimSpace(strings.TrimPrefix(line, "export ")))
	login := Login{Label: label}
	switch {
	case secretLike(label):
		// Also a line the wrong way round. Its label is not kept: it is shown to people.
		return Login{Problem: "the key is not at the end of the line"}, true
	case len(label) >= 16 && len(label) > len(raw) && !strings.ContainsAny(label, " \t"):
		return Login{Problem: "what stands where the key should be is shorter than the label; the key goes last"}, true
	}
	login.take(unquote(raw))
	return login, true
}

// splitLine cuts a line between label and key. A key has no space in it, but may have an equals sign.
func splitLine(line string) (label, raw string) {
	if i := strings.LastIndexAny(line, " \t"); i >= 0 {
		return strings.Trim(line[:i], " \t="), strings.TrimLeft(line[i+1:], "=")
	}
	before, after, found := strings.Cut(line, "=")
	if !found || strings.HasPrefix(strings.TrimLeft(before, `"'`), "sk-") || strings.Trim(after, "=") == "" {
		return "", line // padding at the end of a key is no key
	}
	return before, after
}

// unquote takes a pair of quotes off, which a file for a shell has around values.
func unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}
