package install

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ocgo-key/helper/opencode"
)

// file is a file to install.
type file struct {
	path    string
	content []byte
	mode    fs.FileMode
	what    string // a description for the user
	beside  string // another folder that must exist; may be empty
}

// pluginFiles returns the plugin and the files that show its notices in OpenCode 2. It also returns
// lock files, so that OpenCode 1 does not wait for a package.
func (w *Places) pluginFiles() []file {
	path := w.pluginPath()
	var prepared []string
	var locks []file
	for _, folder := range w.Configs {
		if !w.wantsPlaceholder(folder, path) {
			continue
		}
		prepared = append(prepared, folder)
		locks = append(locks, file{path: filepath.Join(folder, opencode.LockName), content: opencode.Placeholder(), mode: 0o644,
			beside: filepath.Join(folder, opencode.ModulesName), what: "keeps OpenCode 1 from waiting for a package that this plugin does not need"})
	}
	plugin := w.plugin(prepared)
	files := []file{{path: path, content: plugin.Content(), mode: 0o644, what: "starts " + w.Program + " gateway with OpenCode"}}
	toasts := plugin.ToastFiles()
	for _, name := range slices.Sorted(maps.Keys(toasts)) {
		files = append(files, file{path: filepath.Join(w.ToastFolder(path), name), content: toasts[name], mode: 0o644,
			what: "shows the plugin's notices in OpenCode 2"})
	}
	return append(files, locks...)
}

// plugin returns the plugin for this machine.
func (w *Places) plugin(prepared []string) opencode.Plugin {
	return opencode.Plugin{Program: w.Program, Prepared: prepared, Notices: filepath.Join(w.State, opencode.NoticesName)}
}

// wantsPlaceholder reports whether OpenCode would install its package into the folder only because
// of our plugin. If another file there may need the package, OpenCode should install it as usual.
func (w *Places) wantsPlaceholder(folder, plugin string) bool {
	if content, err := os.ReadFile(filepath.Join(folder, opencode.LockName)); err == nil {
		return string(content) == string(opencode.Placeholder())
	}
	for _, name := range []string{"package.json", opencode.ModulesName, "bun.lock", "bun.lockb"} {
		if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
			return false
		}
	}
	for _, name := range []string{"plugin", "plugins", "tool", "tools"} {
		for _, ext := range []string{"*.js", "*.ts"} {
			found, _ := filepath.Glob(filepath.Join(EscapeGlob(folder), name, ext)) // the pattern is well-formed
			for _, path := range found {
				if path != plugin {
					return false
				}
			}
		}
	}
	return true
}

// EscapeGlob returns a pattern that matches only path.
func EscapeGlob(path string) string {
	if runtime.GOOS == "windows" {
		return path // Windows patterns have no escape character, and [ is rare
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
