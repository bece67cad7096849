// Package install puts the plugin, or a shim, where plain `opencode` finds it, and takes away exactly what it wrote. It asks
// and prints nothing.
package install

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
)

// Places are where things are installed for this user. All paths are absolute.
type Places struct {
	Program string   // this program, as the user's other programs find it after an upgrade too
	Configs []string // OpenCode's config folders; the plugin goes into the first
	Shim    string   // the shim's path
	State   string   // our state folder, which has the record
	Search  string   // PATH
}

// Find returns the places, by the environment.
func Find(getenv func(string) string) (*Places, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("no home folder to install in: %w", err)
	}
	state, err := paths.StateDir(getenv, os.UserHomeDir)
	if err != nil {
		return nil, err
	}
	program, err := ownPath()
	if err != nil {
		return nil, fmt.Errorf("cannot tell where this program is: %w", err)
	}
	w := &Places{Program: program, State: state, Search: getenv("PATH"), Configs: opencode.ConfigFolders(getenv, home)}
	w.Shim = filepath.Join(opencode.ShimFolder(runtime.GOOS, getenv, home), opencode.ShimName(runtime.GOOS))
	// OpenCode reads this one too if it is there, as it is where OpenCode's own installer puts the program.
	if dir := filepath.Join(home, ".opencode"); isFolder(dir) {
		w.Configs = append(w.Configs, dir)
	}
	for _, name := range []string{"XDG_CONFIG_HOME", "OPENCODE_CONFIG_DIR"} {
		if dir := getenv(name); dir != "" && !filepath.IsAbs(dir) {
			return nil, hint.On(hint.Input("%s is %q, which is another folder for each place that OpenCode is started in", name, dir), "set it to a whole path")
		}
	}
	for i := range w.Configs {
		if w.Configs[i], err = filepath.Abs(w.Configs[i]); err != nil {
			return nil, err
		}
	}
	w.State, err = filepath.Abs(w.State)
	return w, err
}

// ownPath is the absolute path of this program. The name by which it was called is preferred to the file behind
// its links: a package manager moves the file at each upgrade.
func ownPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self, nil
	}
	if called, err = filepath.Abs(called); err != nil || !SameFile(called, self) {
		return self, nil
	}
	return called, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// SameFile reports whether both paths lead to one file.
func SameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// pluginFiles are the plugin, what shows its notices in OpenCode 2, and what spares OpenCode 1 the wait for a package.
func (w *Places) pluginFiles() []file {
	path := w.pluginPath()
	var prepared []string
	var locks []file
	for _, folder := range w.Configs {
		lock := filepath.Join(folder, opencode.LockName)
		if !w.wantsPlaceholder(folder, path) {
			continue
		}
		prepared = append(prepared, folder)
		locks = append(locks, file{path: lock, content: opencode.Placeholder(), mode: 0o644, beside: filepath.Join(folder, opencode.ModulesName),
			what: "spares OpenCode 1 the wait for a package that this plugin does not need"})
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

// ToastFolder is the folder that goes with the plugin at path.
func (w *Places) ToastFolder(path string) string {
	return filepath.Join(filepath.Dir(path), opencode.ToastFolder)
}

// plugin is the plugin for this machine.
func (w *Places) plugin(prepared []string) opencode.Plugin {
	return opencode.Plugin{Program: w.Program, Prepared: prepared, Notices: filepath.Join(w.State, opencode.NoticesName)}
}

// pluginPath is where the plugin is, or else where it goes: into the folder that is there already.
func (w *Places) pluginPath() string {
	paths := w.PluginPaths(w.Configs[0])
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	for _, path := range paths {
		if _, err := os.Stat(filepath.Dir(path)); err == nil {
			return path
		}
	}
	return paths[0]
}

// PluginPaths are the places of the plugin's file in a config folder.
func (w *Places) PluginPaths(config string) []string {
	var paths []string
	for _, folder := range opencode.PluginFolders {
		paths = append(paths, filepath.Join(config, folder, opencode.PluginName))
	}
	return paths
}

// wantsPlaceholder reports whether the folder is one into which OpenCode would install its package for our plugin
// alone. Where there is anything else that may need the package, OpenCode does as it always does.
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
	return []file{{path: w.Shim, content: opencode.Shim(runtime.GOOS, w.Program, found), mode: 0o755, what: "runs " + found + " under " + w.Program}}, nil
}

// ErrNoOpenCode means that there is nothing for the shim to run.
var ErrNoOpenCode = errors.New("there is no opencode on PATH for the shim to run")

// RealOpenCode is the first opencode on PATH that is no shim of ours.
func (w *Places) RealOpenCode() (string, error) {
	for _, dir := range filepath.SplitList(w.Search) {
		if dir == "" || SameFile(dir, filepath.Dir(w.Shim)) {
			continue
		}
		path, err := exec.LookPath(filepath.Join(dir, "opencode"))
		if err != nil {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			continue
		}
		if _, ours := opencode.Ours(head(path)); !ours {
			return path, nil
		}
	}
	return "", hint.On(ErrNoOpenCode, "install OpenCode, or check PATH")
}

// head is the beginning of a file: OpenCode itself is large.
func head(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	content := make([]byte, 4<<10)
	n, _ := f.Read(content)
	return content[:n]
}

// PathLines are the lines for profiles, unless the shim is what the user already gets.
func (w *Places) PathLines() []opencode.PathLine {
	for _, dir := range filepath.SplitList(w.Search) {
		if filepath.Clean(dir) == filepath.Dir(w.Shim) {
			return nil
		}
		if path, err := exec.LookPath(filepath.Join(dir, "opencode")); err == nil && path != w.Shim {
			break
		}
	}
	return opencode.PathLines(filepath.Dir(w.Shim))
}
