package opencode

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pluginSource returns the content of the plugin's file.
func pluginSource() string { return string(Plugin{}.Content()) }

func TestPluginHasItsPathsAsLiterals(t *testing.T) {
	p := Plugin{Program: `C:\Program Files\o"k\ocgo-key.exe`, Prepared: []string{"/home/ü x/.config/opencode"}, Notices: "/state/no // tices.json"}
	text := string(p.Content())
	assert.Contains(t, text, `const PROGRAM = "C:\\Program Files\\o\"k\\ocgo-key.exe"`+"\n")
	assert.Contains(t, text, `const PREPARED = ["/home/ü x/.config/opencode"]`)
	assert.Contains(t, text, `const NOTICES = "/state/no // tices.json"`)
	assert.NotContains(t, text, `"@`)
	assert.Contains(t, pluginSource(), "const PREPARED = []")
	read, ok := ReadPlugin(p.Content())
	assert.True(t, ok)
	assert.Equal(t, p, read)
	_, ok = ReadPlugin([]byte("const PROGRAM = 1\n"))
	assert.False(t, ok)
	for name, content := range p.ToastFiles() {
		assert.NotContains(t, string(content), `"@`, name)
	}
}

// OpenCode refuses a file with an unknown export. The plugin may import only modules that come with
// OpenCode.
func TestPluginIsOneThatOpenCodeLoads(t *testing.T) {
	for name, test := range map[string]struct{ text, export string }{
		"plugin": {pluginSource(), `export default { id: "ocgo-key", setup, server }`},
		"index":  {indexSource, `export default { id: "ocgo-key-notices", setup: async () => {} }`},
		"tui":    {string(toasts("/n", "ocgo-key-notices", false)), `export default { id: "ocgo-key-notices", setup }`},
		"run":    {runSource, `export default { id: "ocgo-key-run", setup }`},
	} {
		assert.Equal(t, []string{test.export}, regexp.MustCompile(`(?m)^export .*`).FindAllString(test.text, -1), name)
		for _, m := range regexp.MustCompile(`from "([^"]*)"`).FindAllStringSubmatch(test.text, -1) {
			assert.True(t, strings.HasPrefix(m[1], "node:"), m[1])
		}
		assert.NotContains(t, test.text, "console.", "the text would be in the output of run --format json")
		version, ours := Ours([]byte(test.text))
		assert.True(t, ours, name)
		assert.Equal(t, PluginVersion, version, name)
	}
}

// The panel refuses a label that may be a key, because the label becomes an argument of a program.
func TestPanelTakesNoKeyForALabel(t *testing.T) {
	rule := regexp.MustCompile(`validate: \(label\) => \(/(.+)/(i?)\.test\(label\)`).FindStringSubmatch(pluginSource())
	require.NotNil(t, rule, "the panel checks no label")
	refuses := regexp.MustCompile("(?s" + rule[2] + ")" + rule[1]) // this expression means the same in Go and in JavaScript
	for _, key := range []string{"sk-0123456789abcdef", "oc_sk_0123456789ab_012", "a-key-of-another-make-0123456789ab"} {
		for _, typed := range []string{key, strings.ToUpper(key), " " + key} {
			assert.True(t, refuses.MatchString(typed), typed)
		}
	}
	for _, label := range []string{"", "Work", "desk-in-the-office", "My Home"} {
		assert.False(t, refuses.MatchString(label), label)
	}
}

func TestOursKnowsWhatWeWrote(t *testing.T) {
	for name, content := range map[string][]byte{
		"shim":         Shim("linux", "/bin/ocgo-key", "/bin/opencode"),
		"batch shim":   Shim("windows", `C:\ocgo-key.exe`, `C:\opencode.cmd`),
		"CRLF":         []byte("// ocgo-key plugin 1\r\nmore"),
		"older, newer": []byte("#!/bin/sh\n# ocgo-key shim 1\n"),
	} {
		version, ours := Ours(content)
		assert.True(t, ours, name)
		assert.Equal(t, 1, version, name)
	}
	version, ours := Ours([]byte("// ocgo-key plugin 12"))
	assert.True(t, ours)
	assert.Equal(t, 12, version)
	_, ours = Ours(Placeholder())
	assert.True(t, ours)
	for _, foreign := range []string{
		"", "#!/bin/sh\nexec /usr/bin/opencode \"$@\"\n", "// my own ocgo-key plugin 1\n", "// ocgo-key plugin one\n",
		"\n\n// ocgo-key plugin 1\n", string(Placeholder()) + "\n", "// ocgo-key plugin 99999999999999999999999\n",
	} {
		_, ours := Ours([]byte(foreign))
		assert.False(t, ours, "%q", foreign)
	}
}

func TestPlaceholderNamesThePackage(t *testing.T) {
	var lock struct {
		Name     string
		Packages map[string]struct{ Dependencies map[string]string }
	}
	require.NoError(t, json.Unmarshal(Placeholder(), &lock))
	assert.Contains(t, lock.Packages[""].Dependencies, "@opencode-ai/plugin")
	assert.Contains(t, pluginSource(), lock.Name, "the plugin recognizes our placeholder by this name")
}

func TestConfigFolders(t *testing.T) {
	home := filepath.FromSlash("/home/me")
	for _, test := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, []string{"/home/me/.config/opencode"}},
		{map[string]string{"XDG_CONFIG_HOME": "/x"}, []string{"/x/opencode"}},
		{map[string]string{"OPENCODE_CONFIG_DIR": "/own/"}, []string{"/own", "/home/me/.config/opencode"}},
		{map[string]string{"OPENCODE_CONFIG_DIR": "/own", "XDG_CONFIG_HOME": "/x"}, []string{"/own", "/x/opencode"}},
		{map[string]string{"OPENCODE_CONFIG_DIR": "/home/me/.config/opencode/"}, []string{"/home/me/.config/opencode"}},
	} {
		var got []string
		for _, path := range ConfigFolders(func(name string) string { return test.env[name] }, home) {
			got = append(got, filepath.ToSlash(path))
		}
		assert.Equal(t, test.want, got, "%v", test.env)
	}
}
