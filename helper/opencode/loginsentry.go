package opencode

import (
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// keyMembers are the possible names of the member with the key. The entry is in auth.json or in an
// accounts file. The members in plainMembers may be removed with the entry: they are OpenCode's or
// the plugin's own, and not secret.
var (
	keyMembers   = []string{"apiKey", "key"}
	plainMembers = []string{"type", "label", "name", "enabled", "disabled", "addedAt", "createdAt", "updatedAt", "lastUsed", "lastUsedAt"}
)

// takeFrom uses the entry's key as the login's key. If the entry has two keys, it sets Problem
// instead, because one of the keys would be lost.
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
		l.Problem, l.Label = "the entry has more than one key", ""
		return
	}
	l.take(raw)
	if l.Problem == "" && len(others) > 0 {
		l.Stays = "the entry contains more than a key (" + strings.Join(slices.Compact(others), ", ") + ")"
	}
}

// shownName returns the name of a member, or other words if the name may be a key.
func shownName(name string) string {
	const longest = 24
	letters := strings.Trim(name, "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
	if name == "" || len(name) > longest || !letters {
		return "an unknown member"
	}
	return name
}
