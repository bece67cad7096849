package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
)

func database(t *testing.T, o *openCode, statements string, mode os.FileMode) string {
	t.Helper()
	path := opencode.DatabasePath(o.getenv, o.home)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	db, err := sqlite3.Open(path)
	require.NoError(t, err)
	require.NoError(t, db.Exec(statements))
	require.NoError(t, db.Close())
	require.NoError(t, os.Chmod(path, mode))
	return path
}

const credentials = "CREATE TABLE session_v2 (id text); CREATE TABLE credential (id, integration_id, label, value, active, time_created);"

func stored(provider, key string) string {
	return fmt.Sprintf(`INSERT INTO credential VALUES ('x' || random(), '%s', 'L', '{"type":"key","key":"%s"}', 1, 1);`, provider, key)
}

func TestDatabase(t *testing.T) {
	const key = "sk-00000000000000000000"
	tests := map[string]struct {
		statements string
		mode       os.FileMode
		pooled     bool
		p          opencode.Program
		want       string // PATH stands for the path of the database
	}{
		"nothing stored":   {credentials, 0o600, false, second, ""},
		"one that wins":    {credentials + stored("opencode-go", key), 0o600, false, second, "problem: PATH has 1 login for OpenCode Go: plain `opencode` uses it and not the pool | ocgo-key import --scrub"},
		"one that loses":   {credentials + stored("opencode-go", key), 0o600, true, second, "note: PATH has 1 login for OpenCode Go: it is not used, and can be read by an agent's tools | ocgo-key import --scrub"},
		"two":              {credentials + stored("opencode-go", key) + stored("opencode-go", key+"1"), 0o600, false, second, "problem: PATH has 2 logins for OpenCode Go: plain `opencode` uses it and not the pool | ocgo-key import --scrub"},
		"Zen's":            {credentials + stored("opencode", key), 0o600, false, second, "note: PATH has 1 login for Zen in plain text, which an agent's tools can read | ocgo-key import --scrub"},
		"our panel's":      {credentials + stored("opencode-go", "ocgo-placeholder"), 0o600, false, second, ""},
		"another's":        {credentials + stored("anthropic", key), 0o600, false, second, ""},
		"open to others":   {credentials, 0o644, false, second, "note: PATH has mode 0644: other users of this machine may read your conversations in it | chmod go= PATH*"},
		"open with a key":  {credentials + stored("opencode", key), 0o640, true, second, "note: PATH has 1 login for Zen in plain text, which an agent's tools can read | ocgo-key import --scrub\nproblem: PATH has mode 0640: other users of this machine may read keys and your conversations in it | chmod go= PATH*"},
		"version 1 there":  {credentials, 0o600, false, first, "problem: PATH was created by OpenCode 2, and /bin/opencode is OpenCode 1.18.33, which fails there (\"Database is not empty and has no session table\"): give it another database | export OPENCODE_DB=opencode-1.db"},
		"version 1's own":  {"CREATE TABLE session (id text)", 0o600, false, first, ""},
		"of another shape": {"CREATE TABLE credential (a)", 0o600, false, second, "note: cannot tell whether OpenCode has logins: PATH: no logins can be read: the table of logins has an unknown form: the column \"id\" is missing | opencode auth list"},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			if runtime.GOOS == "windows" && (tt.mode != 0o600 || tt.p.Generation == 1) {
				return // on Windows there are no file modes
			}
			o := home(t, nil, tt.p)
			o.pooled = tt.pooled
			path := database(t, o, tt.statements, tt.mode)
			assert.Equal(t, strings.ReplaceAll(tt.want, "PATH", path), strings.Join(findings(func(r *Result) { o.database(t.Context(), r) }), "\n"))
		})
	}
	assert.Empty(t, findings(func(r *Result) { home(t, nil, second).database(t.Context(), r) }))
}
