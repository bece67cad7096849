package opencode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The log lines are those of OpenCode 2.0.15.
func TestPluginFailure(t *testing.T) {
	dir := t.TempDir()
	log, plugin := filepath.Join(dir, "opencode.log"), filepath.Join(dir, "ocgo-key.js")
	assert.Empty(t, PluginFailure(log, plugin), "neither the plugin nor the log exists")
	require.NoError(t, os.WriteFile(plugin, nil, 0o600))
	written := time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)
	require.NoError(t, os.Chtimes(plugin, written, written))
	const (
		earlier = `timestamp=2026-11-26T00:59:41.979Z level=WARN run=57c25e1f message="failed to load plugin" target=PLUGIN ref=err_1 cause="Cause([Fail(old)])" role=server`
		loading = `timestamp=2026-11-26T01:59:41.928Z level=INFO run=57c25e1f msg="loading plugin" id=PLUGIN entrypoint=file://PLUGIN http.span=1707 role=server`
		refused = `timestamp=2026-11-26T01:59:41.979Z level=WARN run=57c25e1f message="failed to load plugin" target=PLUGIN ref=err_2f970a92 ` +
			`cause="Cause([Fail(PluginModule.LoadError: Plugin must export a default definition with an id and an effect or setup function. (cause: SchemaError(Missing key\n  at [\"default\"])))])" http.span=1758 role=server`
		threw = `timestamp=2026-11-26T01:59:48.986Z level=WARN run=57c25e1f message="failed to load plugin" plugin.id=ocgo-key cause="Cause([Die(Error: boom it)])" http.span=8765 role=server`
		other = `timestamp=2026-11-26T01:59:48.986Z level=WARN run=57c25e1f message="failed to load plugin" plugin.id=boom cause="Cause([Die(Error: boom it)])" http.span=8765 role=server`
	)
	for name, test := range map[string]struct {
		lines []string
		want  string
	}{
		"loaded":          {[]string{loading, other}, ""},
		"an older one":    {[]string{earlier}, ""},
		"refused":         {[]string{loading, refused}, "PluginModule.LoadError: Plugin must export a default definition with an id and an effect or setup function"},
		"setup threw":     {[]string{loading, threw, other}, "Error: boom it"},
		"loaded since":    {[]string{loading, threw, loading}, ""},
		"no sense at all": {[]string{"plugin", `timestamp=x message="failed to load plugin" target=PLUGIN`}, ""},
	} {
		text := strings.ReplaceAll(strings.Join(test.lines, "\n")+"\n", "PLUGIN", plugin)
		require.NoError(t, os.WriteFile(log, []byte(text), 0o600))
		assert.Equal(t, test.want, PluginFailure(log, plugin), name)
		require.NoError(t, os.WriteFile(log, []byte(strings.Repeat("x", maxLog)+"\n"+text), 0o600))
		assert.Equal(t, test.want, PluginFailure(log, plugin), "%s, at the end of a long log", name)
	}
}

func TestLogFile(t *testing.T) {
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	assert.Equal(t, filepath.FromSlash("/home/me/.local/share/opencode/log/opencode.log"), LogFile(getenv, filepath.FromSlash("/home/me")))
	env["XDG_DATA_HOME"] = t.TempDir()
	assert.Equal(t, filepath.Join(env["XDG_DATA_HOME"], "opencode", "log", "opencode.log"), LogFile(getenv, "/home/me"))
}

// The log lines are those of OpenCode 2.0.15.
func TestFailedPlugins(t *testing.T) {
	const log = `timestamp=T level=INFO run=aaaa message="cli starting" version=2.0.15 channel=latest local=false args="[\"serve\",\"--service\"]" role=cli
timestamp=T level=WARN run=aaaa message="failed to load plugin" target=/h/plugins/old.js ref=err_1 cause="Cause([Die(BuildMessage: Unexpected end of file)])" http.span=429 role=server
timestamp=T level=INFO run=cccc message="cli starting" version=2.0.15 channel=latest local=false args="[\"run\",\"serve\"]" role=cli
timestamp=T level=INFO run=bbbb message="cli starting" version=2.0.15 channel=latest local=false args="[\"serve\",\"--stdio\"]" role=cli
timestamp=T level=INFO run=bbbb msg="loading plugin" id="/h/my plugins/ocgo-key.js" entrypoint=file:///h/my%20plugins/ocgo-key.js http.span=422 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" target="/h/my plugins/ocgo-key.js" ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" target="/h/my plugins/ocgo-key.js" ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" target=/h/plugins/mended.js ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" plugin.id=broken cause="Cause([Die(Error: no)])" http.span=4433 role=server
timestamp=T level=WARN run=dddd message="failed to load plugin" target=/h/plugins/elsewhere.js ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=INFO run=bbbb msg="loading plugin" id=/h/plugins/mended.js entrypoint=file:///h/plugins/mended.js http.span=422 role=server
`
	path := put(t, folder(t), "opencode.log", log)
	assert.Equal(t, []string{"/h/my plugins/ocgo-key.js", "broken"}, FailedPlugins(path))
	assert.Empty(t, FailedPlugins(filepath.Join(folder(t), "none.log")))
}
