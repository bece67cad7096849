package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// database checks OpenCode's database. It reports keys that OpenCode uses instead of the pool, a
// file that other users can read, and an installed OpenCode that cannot use the database.
func (o *openCode) database(ctx context.Context, r *Result) {
	path := opencode.DatabasePath(o.getenv, o.home)
	info, err := os.Stat(path)
	if path == "" || err != nil || !info.Mode().IsRegular() {
		return
	}
	keys := 0
	switch c, err := opencode.ReadCredentials(ctx, path); {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		r.found(Note, "opencode auth list", "cannot tell whether OpenCode has logins: %v", err)
	default:
		var wins int
		keys, wins = countKeys(c)
		if level, effect := o.otherKey(); wins > 0 {
			r.found(level, "ocgo-key import --scrub", "%s has %s for OpenCode Go: %s", path, text.Count(wins, "login", "logins"), effect)
		} else if keys > 0 {
			r.found(Note, "ocgo-key import --scrub", "%s has %s for Zen in plain text, which an agent's tools can read", path, text.Count(keys, "login", "logins"))
		}
	}
	readable(r, path, info, keys)
	o.wrongGeneration(ctx, r, path)
}

// countKeys returns the number of the user's own keys, and how many of them OpenCode uses instead
// of the pool.
func countKeys(c *opencode.Credentials) (keys, wins int) {
	for _, login := range c.Found {
		if login.Problem != "" || strings.HasPrefix(login.Key.Reveal(), keyform.StandIn) {
			continue
		}
		keys++
		if strings.HasPrefix(login.Entry, opencode.GoProvider+" ") {
			wins++
		}
	}
	return keys, wins
}

// readable reports a database that other users can read.
func readable(r *Result, path string, info fs.FileInfo, keys int) {
	const others = 0o077
	if runtime.GOOS == "windows" || info.Mode().Perm()&others == 0 {
		return
	}
	level, holds := Note, "your conversations"
	if keys > 0 {
		level, holds = Problem, "keys and your conversations"
	}
	r.found(level, "chmod go= "+text.Quote(path)+"*", "%s has mode %04o: other users of this machine may read %s in it", path, info.Mode().Perm(), holds)
}

// wrongGeneration reports an OpenCode 1 that cannot use its database because OpenCode 2 created it.
// OpenCode 1 can use a database that OpenCode 2 only converted. Source: docs/facts.md, "Logins at
// rest".
func (o *openCode) wrongGeneration(ctx context.Context, r *Result, path string) {
	if o.program.Generation != 1 {
		return
	}
	if created, err := opencode.CreatedBySecond(ctx, path); err != nil || !created {
		return // database reports a file that cannot be read
	}
	fix := "export " + opencode.DatabaseVariable + "=opencode-1.db"
	if runtime.GOOS == "windows" {
		fix = "$env:" + opencode.DatabaseVariable + ` = "opencode-1.db"`
	}
	r.found(Problem, fix, "%s was created by OpenCode 2, and %s is %s, which fails there (%q): give it another database", path, o.program.Path, o.program, "Database is not empty and has no session table")
}
