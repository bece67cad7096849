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

// file is one that is to be there.
type file struct {
	path    string
	content []byte
	mode    fs.FileMode
	what    string // for people
	beside  string // a folder that has to be there too; empty for none
}

// pluginFiles are the plugin, what shows its notices in OpenCode 2, and what spares OpenCode 1 the
// wait for a package.
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
			beside: filepath.Join(folder, opencode.ModulesName), what: "spares OpenCode 1 the wait for a package that this plugin does not need"})
	}
	plugin := w.plugin(prepared)
	files := []file{{path: path, content: plugin.Content(), mode: 0o644, what: "starts " + w.Program + " gateway with OpenCode"}}
	toasts := plugin.ToastFiles()
	for _, name := range slices.Sorted(maps.Keys(toasts)) {
		files = append(files, file{path: filepath.Join(w.ToastFolder(path), name), content: toasts[name], mode: 0o644,
			what: "shows in OpenCode 2 what the plugin has to say"})
	}
	return append(files, locks...)
}

// plugin is the plugin for this machine.
func (w *Places) plugin(prepared []string) opencode.Plugin {
	return opencode.Plugin{Program: w.Program, Prepared: prepared, Notices: filepath.Join(w.State, opencode.NoticesName)}
}

// wantsPlaceholder reports whether the folder is one into which OpenCode would install its package
// for our plugin alone. Where there is anything else that may need the package, OpenCode does as it
// always does.
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

// EscapeGlob makes a path a pattern that matches nothing else.
func EscapeGlob(path string) string {
	if runtime.GOOS == "windows" {
		return path // there is no escape, and [ is rare
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// shimFiles are the shim alone.
func (w *Places) shimFiles() ([]file, error) {
	found, err := w.RealOpenCode()
	if err != nil {
		return nil, err
	}
	return []file{{path: w.Shim, content: opencode.Shim(runtime.GOOS, w.Program, found), mode: 0o755,
		what: "runs " + found + " under " + w.Program}}, nil
}
