package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/install"
)

func TestPluginsOfOthers(t *testing.T) {
	o := home(t, nil, second)
	assert.Empty(t, findings(o.others))
	log := opencode.LogFile(o.getenv, o.home)
	ours, other := write(t, filepath.Join(o.home, opencode.PluginName), "x", 0o600), write(t, filepath.Join(o.home, "other.js"), "x", 0o600)
	line := func(plugin string) string {
		return fmt.Sprintf("timestamp=T level=WARN run=a message=\"failed to load plugin\" target=%q ref=err_1 cause=\"sk-secret\"\n", plugin)
	}
	write(t, log, "timestamp=T level=INFO run=a message=\"cli starting\" args=\"[\\\"serve\\\",\\\"--service\\\"]\" role=cli\n"+line(ours)+line(other)+line(filepath.Join(o.home, "gone.js")), 0o600)
	assert.Equal(t, []string{
		"note: OpenCode 2 could not load the plugin " + other + " | grep 'failed to load plugin' " + log,
	}, findings(o.others))
}

const installAgain = " | ocgo-key install --yes"

func TestPlugin(t *testing.T) {
	m := newMachine(t)
	m.finds("plugin", "note: plain `opencode` does not use the pool: neither the plugin nor the shim is installed; `ocgo-key run` does"+installAgain)
	config := write(t, filepath.Join(m.home, ".config/opencode/opencode.jsonc"), `{"plugin": ["ocgo-key"]} // mine`, 0o600)
	assert.Equal(t, "plain `opencode` uses the pool, by the npm package", m.finds("plugin").Well)
	require.NoError(t, os.Remove(config))
	w := m.install((*install.Places).PluginPlan)
	path := w.PluginPaths(w.Configs[0])[0]
	assert.Equal(t, "plain `opencode` uses the pool, by the plugin", m.finds("plugin").Well)

	good, err := os.ReadFile(path)
	require.NoError(t, err)
	plugin, ok := opencode.ReadPlugin(good)
	require.True(t, ok)
	version := fmt.Sprintf("// ocgo-key plugin %d\n", opencode.PluginVersion)
	require.Contains(t, string(good), version)
	with := func(p opencode.Plugin) string { return string(p.Content()) }
	elsewhere := plugin
	elsewhere.Program = filepath.Join(m.home, "nowhere")
	another := plugin
	another.Program = m.opencode("echo 1.18.33")

	for what, tt := range map[string]struct{ content, want string }{
		"gone":      {"", "problem: the plugin was installed, but is not in CONFIG, where OpenCode now looks for plugins" + installAgain},
		"older":     {strings.Replace(string(good), version, "// ocgo-key plugin 0\n", 1), fmt.Sprintf("problem: PATH is from an older ocgo-key (0, this one writes %d)%s", opencode.PluginVersion, installAgain)},
		"newer":     {strings.Replace(string(good), version, "// ocgo-key plugin 99\n", 1), fmt.Sprintf("note: PATH is from a newer ocgo-key (99, this one writes %d) | ocgo-key uninstall && ocgo-key install --yes", opencode.PluginVersion)},
		"changed":   {string(good) + "// more\n", "problem: PATH was changed since ocgo-key wrote it" + installAgain},
		"not ours":  {"export {}", "problem: PATH is not the file that ocgo-key wrote: OpenCode loads it instead of the plugin | mv PATH PATH.aside && ocgo-key install --yes"},
		"moved":     {with(elsewhere), "problem: PATH starts " + elsewhere.Program + ", which does not exist: OpenCode works without the pool" + installAgain},
		"not by us": {with(another), "note: PATH starts " + another.Program + " and not this program, " + w.Program + installAgain},
	} {
		t.Run(what, func(t *testing.T) {
			if tt.content == "" {
				require.NoError(t, os.Remove(path))
			} else {
				write(t, path, tt.content, 0o600)
			}
			found := short(m.examine("plugin").Findings)
			assert.Equal(t, []string{strings.NewReplacer("PATH", path, "CONFIG", w.Configs[0]).Replace(tt.want)}, found)
		})
	}
	write(t, path, string(good), 0o600)
	m.env[opencode.PureVariable] = "1"
	assert.Equal(t, "unset "+opencode.PureVariable, m.examine("plugin").Findings[0].Fix)
	delete(m.env, opencode.PureVariable)
	require.NoError(t, os.Remove(filepath.Join(w.ToastFolder(path), "tui.js")))
	assert.Contains(t, m.examine("plugin").Findings[0].What, "OpenCode 2 does not show the plugin's notices")
}

func TestShim(t *testing.T) {
	m := newMachine(t)
	m.env["SHELL"] = "/bin/zsh"
	w := m.install((*install.Places).ShimPlan)
	r := m.examine("plugin")
	require.Len(t, r.Findings, 1)
	assert.Equal(t, "the shim is not used, because another opencode comes before it on PATH", r.Findings[0].What)
	assert.Contains(t, r.Findings[0].Fix, filepath.Dir(w.Shim))

	m.env["PATH"] = filepath.Dir(w.Shim) + string(filepath.ListSeparator) + m.env["PATH"]
	assert.Equal(t, "plain `opencode` uses the pool, by the shim", m.finds("plugin").Well)
	good, err := os.ReadFile(w.Shim)
	require.NoError(t, err)
	write(t, w.Shim, string(good)+"\n", 0o755)
	assert.Contains(t, m.examine("plugin").Findings[0].What, "one of the two was moved, or the file was changed")
	write(t, w.Shim, "another's", 0o755)
	assert.Equal(t, w.Shim+" is not the file that ocgo-key wrote", m.examine("plugin").Findings[0].What)
	require.NoError(t, os.Remove(w.Shim))
	assert.Equal(t, "the shim was installed, but is no longer in "+filepath.Dir(w.Shim), m.examine("plugin").Findings[0].What)
}
