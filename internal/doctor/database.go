package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// database checks OpenCode's database: for keys that are used in place of the pool's, for readers
// other than its owner, and for a generation of OpenCode that cannot use it.
func (o *openCode) database(ctx context.Context) []Finding {
	path := opencode.DatabasePath(o.getenv, o.home)
	info, err := os.Stat(path)
	if path == "" || err != nil || !info.Mode().IsRegular() {
		return nil
	}
	var found []Finding
	keys := 0
	switch c, err := opencode.ReadCredentials(ctx, path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		found = append(found, of(Note, "opencode auth list", fmt.Sprintf("it is not known whether OpenCode has a login of its own: %v", err)))
	default:
		var wins int
		keys, wins = o.count(c)
		if level, effect := o.rival(); wins > 0 {
			found = append(found, of(level, "ocgo-key import --scrub", fmt.Sprintf("%s has %s for OpenCode Go: %s", path, logins(wins), effect)))
		} else if keys > 0 {
			found = append(found, of(Note, "ocgo-key import --scrub", fmt.Sprintf("%s has %s for Zen in clear, which an agent's tools can read", path, logins(keys))))
		}
	}
	return append(append(found, o.readable(path, info, keys)...), o.wrongGeneration(ctx, path)...)
}

func logins(n int) string {
	if n == 1 {
		return "a login"
	}
	return fmt.Sprintf("%d logins", n)
}

// count returns the number of the user's own keys, and how many of them OpenCode prefers to the
// pool's.
func (o *openCode) count(c *opencode.Credentials) (keys, wins int) {
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

func (o *openCode) readable(path string, info fs.FileInfo, keys int) []Finding {
	const others = 0o077
	if runtime.GOOS == "windows" || info.Mode().Perm()&others == 0 {
		return nil
	}
	level, holds := Note, "your conversations"
	if keys > 0 {
		level, holds = Problem, "keys and your conversations"
	}
	return []Finding{of(level, "chmod go= "+text.Quote(path)+"*", fmt.Sprintf("%s has mode %04o: other users of this machine may read %s in it", path, info.Mode().Perm(), holds))}
}

// wrongGeneration reports an OpenCode 1 on a database that version 2 created, which it cannot use.
// One that version 2 only took over works. Source: docs/facts.md, "Logins at rest".
func (o *openCode) wrongGeneration(ctx context.Context, path string) []Finding {
	if o.program.Generation != 1 {
		return nil
	}
	if created, err := opencode.CreatedBySecond(ctx, path); err != nil || !created {
		return nil // the one that cannot be read was told of
	}
	mend := "export " + opencode.DatabaseVariable + "=opencode-1.db"
	if runtime.GOOS == "windows" {
		mend = "$env:" + opencode.DatabaseVariable + ` = "opencode-1.db"`
	}
	return []Finding{of(Problem, mend, fmt.Sprintf("%s was created by OpenCode 2, and %s is %s, which fails there (%q): it needs a database of its own", path, o.program.Path, o.program, "Database is not empty and has no session table"))}
}
