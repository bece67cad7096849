package opencode

import (
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// keyMembers are the names under which an entry of auth.json or of an accounts file has its key.
// plainMembers are the names of other members that may be removed with it: OpenCode's and the
// plugin's own, none of them secret.
var (
	keyMembers   = []string{"apiKey", "key"}
	plainMembers = []string{"type", "label", "name", "enabled", "disabled", "addedAt", "createdAt", "updatedAt", "lastUsed", "lastUsedAt"}
)

// takeFrom sets the entry's key as the login's. An entry with two keys has a Problem instead, since
// one of the keys would be lost.
func (l *Login) takeFrom(entry *hujson.Object) {
	var raw string
	var keys int
	var others []string
	for _, m := range entry.Members {
		name := nameOf(m)
		literal, ok := m.Value.Value.(hujson.Literal)
		switch {
		case slices.Contains(keyMembers, name):
			keys++
			if ok && literal.Kind() == '"' {
				raw = literal.String()
			}
		case !ok || !slices.Contains(plainMembers, name):
			others = append(others, shownName(name))
		}
	}
	if keys > 1 {
		l.Problem, l.Label = "it has more than one key", ""
		return
	}
	l.take(raw)
	if l.Problem == "" && len(others) > 0 {
		l.Stays = "it holds more than a key (" + strings.Join(slices.Compact(others), ", ") + ")"
	}
}

// shownName returns the name of a member if it can be shown: if it certainly is not a key.
func shownName(name string) string {
	const longest = 24
	letters := strings.Trim(name, "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
	if name == "" || len(name) > longest || !letters {
		return "an unknown member"
	}
	return name
}
