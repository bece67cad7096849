package opencode

import (
	_ "embed"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// The versions of the files that are written into a user's folders. Each is in a line at the file's top, by which
// the file is known for ours.
const (
	PluginVersion = 1
	ShimVersion   = 1
)

//go:embed plugin.js
var pluginSource string

// PluginName is the plugin's file name, and PluginFolders are the folders below a config folder from which OpenCode
// loads it, the preferred one first. Source: docs/facts.md, "Plugins".
const PluginName = "ocgo-key.js"

var PluginFolders = []string{"plugins", "plugin"}

// Plugin is the plugin that starts program (an absolute path). prepared are the config folders that hold our
// [Placeholder].
func Plugin(program string, prepared []string) []byte {
	if prepared == nil {
		prepared = []string{}
	}
	return []byte(strings.NewReplacer(
		`"@PROGRAM@"`, literal(program),
		`"@PREPARED@"`, literal(prepared),
	).Replace(pluginSource))
}

// literal is v as JavaScript writes it.
func literal(v any) string {
	text, _ := json.Marshal(v) // strings always marshal; JSON is JavaScript
	return string(text)
}

// ConfigFolders are the config folders that OpenCode reads on every start, whatever the project, the one that a
// plugin belongs into first. home is the user's home folder. Source: docs/facts.md, "Which key OpenCode uses"; all
// systems use ~/.config.
func ConfigFolders(getenv func(string) string, home string) []string {
	global := filepath.Join(home, ".config")
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		global = dir
	}
	folders := []string{filepath.Join(global, "opencode")}
	if dir := getenv("OPENCODE_CONFIG_DIR"); dir != "" && filepath.Clean(dir) != folders[0] {
		folders = append([]string{filepath.Clean(dir)}, folders...)
	}
	return folders
}

// LockName and ModulesName are what OpenCode looks at to decide whether a config folder lacks the package
// @opencode-ai/plugin. With any plugin at all it waits for that install, for seconds, or for more than a minute
// where the registry can't be reached. It compares names and not versions, so an update of OpenCode changes nothing.
const (
	LockName    = "package-lock.json"
	ModulesName = "node_modules"
)

// Placeholder is a package-lock.json that says the package is there. Our plugin does not need it; the plugin takes
// the placeholder away as soon as the folder has another plugin or tool, which may.
func Placeholder() []byte {
	return []byte(`{
  "name": "placeholder-by-ocgo-key",
  "lockfileVersion": 3,
  "requires": true,
  "packages": {
    "": {
      "dependencies": {
        "@opencode-ai/plugin": "*"
      }
    }
  }
}
`)
}

var mark = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?://|#|@rem) ocgo-key (?:plugin|shim) ([0-9]+)\s*$`)
})

// Ours tells whether a file's content was written by ocgo-key, and which version of it.
func Ours(content []byte) (version int, ours bool) {
	lines := strings.SplitN(string(content), "\n", 3)
	for _, line := range lines[:min(2, len(lines))] {
		if m := mark().FindStringSubmatch(line); m != nil {
			version, err := strconv.Atoi(m[1])
			return version, err == nil
		}
	}
	return 0, string(content) == string(Placeholder())
}
