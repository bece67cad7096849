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

// The versions of the files that are written into a user's folders. Each file has its version in a
// line at the top, by which ocgo-key recognizes the file.
const (
	PluginVersion = 2
	ShimVersion   = 1
)

// The plugin is installed as one file, which consists of the first three of these files.
var (
	//go:embed plugin.js
	pluginCommon string
	//go:embed plugin1.js
	pluginOne string
	//go:embed plugin2.js
	pluginTwo string

	//go:embed pluginindex.js
	indexSource string
	//go:embed tui.js
	toastSource string
	//go:embed pluginrun.js
	runSource string
)

// PluginName is the plugin's file name. OpenCode loads it from PluginFolders, which are below a
// config folder; the first one is preferred. Source: docs/facts.md, "Plugins".
const PluginName = "ocgo-key.js"

var PluginFolders = []string{"plugins", "plugin"}

// PluginID is the plugin's id in OpenCode 2.
const PluginID = "ocgo-key"

// NoticesName is the file in the state folder through which the plugin passes notices to the full
// screen of OpenCode 2. It contains no secret, and may be deleted.
const NoticesName = "notices.json"

// A Plugin holds the parts of the plugin that depend on the machine.
type Plugin struct {
	Program  string   // the absolute path of the program that the plugin starts
	Prepared []string // the config folders that contain our [Placeholder]
	Notices  string   // the path of the file NoticesName
}

// Content returns the content of the file PluginName.
func (p Plugin) Content() []byte {
	if p.Prepared == nil {
		p.Prepared = []string{}
	}
	return []byte(strings.NewReplacer(
		`"@PROGRAM@"`, literal(p.Program),
		`"@PREPARED@"`, literal(p.Prepared),
		`"@NOTICES@"`, literal(p.Notices),
	).Replace(wholePlugin()))
}

func wholePlugin() string { return pluginCommon + "\n" + pluginOne + "\n" + pluginTwo }

// ToastFolder is the folder, beside the plugin's file, from which OpenCode 2 loads the code that
// shows the plugin's notices on its full screen. OpenCode 1 loads no folders. Source:
// docs/facts.md, "Plugins".
const ToastFolder = "ocgo-key"

// ToastFiles are the files in ToastFolder, by name.
func (p Plugin) ToastFiles() map[string][]byte {
	return map[string][]byte{"index.js": []byte(indexSource), "tui.js": toasts(p.Notices, "ocgo-key-notices", false)}
}

func toasts(notices, id string, underRun bool) []byte {
	return []byte(strings.NewReplacer(
		`"@NOTICES@"`, literal(notices),
		`"@ID@"`, literal(id),
		`"@UNDER_RUN@"`, literal(underRun),
	).Replace(toastSource))
}

// ReadPlugin parses a file that [Plugin.Content] wrote. It returns false if the values are not
// found.
func ReadPlugin(content []byte) (p Plugin, ok bool) {
	for name, into := range map[string]any{"PROGRAM": &p.Program, "PREPARED": &p.Prepared, "NOTICES": &p.Notices} {
		m := regexp.MustCompile(`(?m)^const ` + name + ` = (".*"|\[.*\])(?:$| //)`).FindSubmatch(content)
		if m == nil || json.Unmarshal(m[1], into) != nil {
			return Plugin{}, false
		}
	}
	return p, true
}

// literal returns v as a JavaScript literal.
func literal(v any) string {
	text, _ := json.Marshal(v) // strings always marshal; JSON is JavaScript
	return string(text)
}

// ConfigFolders returns the config folders that OpenCode reads at every start, whatever the
// project. The folder for plugins is first. home is the user's home folder. Source: docs/facts.md,
// "Which key OpenCode uses"; all systems use ~/.config.
func ConfigFolders(getenv func(string) string, home string) []string {
	folders := []string{globalConfig(getenv, home)}
	if dir := getenv(folderVariable); dir != "" {
		folders = append([]string{filepath.Clean(dir)}, folders...)
	}
	return unique(folders)
}

// LockName and ModulesName are the files that show OpenCode whether a config folder has the package
// @opencode-ai/plugin. If a folder with a plugin does not have it, OpenCode waits until the package
// is installed. This takes seconds, or more than a minute if the registry cannot be reached.
// OpenCode compares the package's name and not its version, so an update of OpenCode changes
// nothing.
const (
	LockName    = "package-lock.json"
	ModulesName = "node_modules"
)

// Placeholder is a package-lock.json that says that the package is installed. Our plugin does not
// need the package. It removes the placeholder as soon as the folder has another plugin or tool,
// which may need the package.
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

// Ours reports whether a file's content was written by ocgo-key, and its version.
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
