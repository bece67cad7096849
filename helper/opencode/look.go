package opencode

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/tailscale/hujson"
)

// Older reports whether version a is before b. It returns false if one of them is not a version.
func Older(a, b string) bool {
	one, other := numbers(a), numbers(b)
	return len(one) == len(other) && slices.Compare(one, other) < 0
}

func numbers(version string) []int {
	if programVersion().FindString(version) == "" {
		return nil
	}
	version, _, _ = strings.Cut(version, "-")
	version, _, _ = strings.Cut(version, "+")
	var found []int
	for _, part := range strings.Split(version, ".") {
		n, _ := strconv.Atoi(part) // digits
		found = append(found, n)
	}
	return found
}

// CreatedBySecond reports whether OpenCode 2 created a database; OpenCode 1 fails on such a
// database.
func CreatedBySecond(ctx context.Context, path string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseWait)
	defer cancel()
	db, err := openToRead(ctx, path)
	if err != nil {
		return false, databaseError(path, err)
	}
	defer func() { _ = db.Close() }()
	tables := map[string]bool{}
	err = rows(db, "SELECT name FROM sqlite_schema WHERE type = 'table'", func(s *sqlite3.Stmt) { tables[s.ColumnText(0)] = true })
	if err != nil {
		return false, databaseError(path, err)
	}
	return tables["session_v2"] && !tables["session"], nil
}

// Points returns where a configuration, in the form of either generation, sends the Go provider's
// requests. ours reports whether that is a gateway of ocgo-key: it has the token's header, or the
// value in the key's place begins with standIn.
func Points(config []byte, standIn string) (address string, ours bool) {
	for _, p := range goProviders(config) {
		for _, name := range []string{"settings", "options"} {
			options := child(p, name)
			if options == nil {
				continue
			}
			if value, ok := text(options, "baseURL"); ok && value != "" {
				address = value
			}
			if key, ok := text(options, "apiKey"); ok && strings.HasPrefix(key, standIn) {
				ours = true
			}
			ours = ours || hasToken(options)
		}
		if provider, ok := p.Value.Value.(*hujson.Object); ok {
			ours = ours || hasToken(provider)
		}
	}
	return address, ours
}

// tokenHeader is the header with a gateway's token.
const tokenHeader = "x-ocgo-key-token"

func hasToken(o *hujson.Object) bool {
	return slices.ContainsFunc(o.Members, func(m hujson.ObjectMember) bool {
		headers, ok := m.Value.Value.(*hujson.Object)
		return nameOf(m) == "headers" && ok && slices.ContainsFunc(headers.Members, func(h hujson.ObjectMember) bool { return strings.EqualFold(nameOf(h), tokenHeader) })
	})
}

// goProviders returns the entries of the Go provider in a configuration, in the form of either
// generation. A text that is not a configuration has none.
func goProviders(config []byte) (found []hujson.ObjectMember) {
	root, err := parseRoot(bytes.TrimPrefix(config, bom))
	if err != nil {
		return nil
	}
	for _, m := range root.Members {
		providers, ok := m.Value.Value.(*hujson.Object)
		if name := nameOf(m); name != "provider" && name != "providers" || !ok {
			continue
		}
		for _, p := range providers.Members {
			if nameOf(p) == GoProvider {
				found = append(found, p)
			}
		}
	}
	return found
}

// ModelOverride is a model for which a configuration sets an address or a key of its own.
type ModelOverride struct {
	Model string
	Names []string // "baseURL", "apiKey"
}

// ModelOverrides returns the overrides for the Go provider's models in a configuration. Values that
// begin with standIn, and addresses on this machine beside such a value, are ocgo-key's own and are
// left out.
func ModelOverrides(config []byte, standIn string) (found []ModelOverride) {
	for _, p := range goProviders(config) {
		models := child(p, "models")
		if models == nil {
			continue
		}
		for _, m := range models.Members {
			override := ModelOverride{Model: shownModel(nameOf(m))}
			for _, name := range []string{"settings", "options"} {
				options := child(m, name)
				if options == nil {
					continue
				}
				if value, ok := text(options, "baseURL"); ok && value != "" {
					override.Names = append(override.Names, "baseURL")
				}
				if value, ok := text(options, "apiKey"); ok && value != "" && !strings.HasPrefix(value, standIn) {
					override.Names = append(override.Names, "apiKey")
				}
			}
			if len(override.Names) > 0 {
				slices.Sort(override.Names)
				override.Names = slices.Compact(override.Names)
				found = append(found, override)
			}
		}
	}
	return found
}

// shownModel returns the id of a model, if it is certainly only an id.
func shownModel(id string) string {
	const longest = 64
	if id == "" || len(id) > longest || secretLike(id) {
		return "of an odd name"
	}
	return id
}

// Lines of the log. Source: the log of 2.0.15.
var (
	startLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(` run=(\S+) message="cli starting".* args="\[\\"serve\\"`)
	})
	loadLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(` run=(\S+) msg="loading plugin" id=("(?:[^"\\]|\\.)*"|\S+)`)
	})
	failedLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(` run=(\S+) message="failed to load plugin" (?:target|plugin\.id)=("(?:[^"\\]|\\.)*"|\S+)`)
	})
)

// FailedPlugins returns the plugins, by path or by id, that the most recently started server of
// OpenCode 2 could not load and has not loaded since. If there is no log, it returns none.
func FailedPlugins(log string) (failed []string) {
	run := ""
	for line := range strings.Lines(tail(log)) {
		if m := startLine().FindStringSubmatch(line); m != nil {
			run, failed = m[1], nil
		} else if m := loadLine().FindStringSubmatch(line); m != nil && m[1] == run {
			name := unquoted(m[2])
			failed = slices.DeleteFunc(failed, func(other string) bool { return other == name })
		} else if m := failedLine().FindStringSubmatch(line); m != nil && m[1] == run {
			if name := unquoted(m[2]); !slices.Contains(failed, name) {
				failed = append(failed, name)
			}
		}
	}
	return failed
}

func unquoted(word string) string {
	if text, err := strconv.Unquote(word); err == nil {
		return text
	}
	return word
}
