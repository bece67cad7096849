package cli

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

// places are where things are installed for this user.
type places struct {
	program string   // this program, as the user's other programs find it after an upgrade too
	configs []string // OpenCode's config folders; the plugin goes into the first
	shim    string   // the shim's path
	state   string   // our state folder, which has the record
	search  string   // PATH
}

func (a *app) places() (*places, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("no home folder to install in: %w", err)
	}
	state, err := paths.StateDir(a.getenv, os.UserHomeDir)
	if err != nil {
		return nil, err
	}
	program, err := ownPath()
	if err != nil {
		return nil, fmt.Errorf("cannot tell where this program is: %w", err)
	}
	w := &places{program: program, state: state, search: a.getenv("PATH"), configs: opencode.ConfigFolders(a.getenv, home)}
	w.shim = filepath.Join(opencode.ShimFolder(runtime.GOOS, a.getenv, home), opencode.ShimName(runtime.GOOS))
	// OpenCode reads this one too if it is there, as it is where OpenCode's own installer puts the program.
	if dir := filepath.Join(home, ".opencode"); isFolder(dir) {
		w.configs = append(w.configs, dir)
	}
	for _, name := range []string{"XDG_CONFIG_HOME", "OPENCODE_CONFIG_DIR"} {
		if dir := a.getenv(name); dir != "" && !filepath.IsAbs(dir) {
			return nil, hint.On(hint.Input("%s is %q, which is another folder for each place that OpenCode is started in", name, dir), "set it to a whole path")
		}
	}
	for i := range w.configs {
		if w.configs[i], err = filepath.Abs(w.configs[i]); err != nil {
			return nil, err
		}
	}
	w.state, err = filepath.Abs(w.state)
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
	if called, err = filepath.Abs(called); err != nil || !sameFile(called, self) {
		return self, nil
	}
	return called, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// pluginFiles are the plugin, what shows its notices in OpenCode 2, and what spares OpenCode 1 the wait for a package.
func (w *places) pluginFiles() ([]file, error) {
	path := w.pluginPath()
	var prepared []string
	var locks []file
	for _, folder := range w.configs {
		lock := filepath.Join(folder, opencode.LockName)
		if !w.wantsPlaceholder(folder, path) {
			continue
		}
		prepared = append(prepared, folder)
		locks = append(locks, file{path: lock, content: opencode.Placeholder(), mode: 0o644, beside: filepath.Join(folder, opencode.ModulesName),
			what: "spares OpenCode 1 the wait for a package that this plugin does not need"})
	}
	plugin := w.plugin(prepared)
	files := []file{{path: path, content: plugin.Content(), mode: 0o644, what: "starts " + w.program + " gateway with OpenCode"}}
	toasts := plugin.ToastFiles()
	for _, name := range slices.Sorted(maps.Keys(toasts)) {
		files = append(files, file{path: filepath.Join(w.toastFolder(path), name), content: toasts[name], mode: 0o644,
			what: "shows in OpenCode 2 what the plugin has to say"})
	}
	return append(files, locks...), nil
}

// toastFolder is the folder that goes with the plugin at path.
func (w *places) toastFolder(path string) string {
	return filepath.Join(filepath.Dir(path), opencode.ToastFolder)
}

// plugin is the plugin for this machine.
func (w *places) plugin(prepared []string) opencode.Plugin {
	return opencode.Plugin{Program: w.program, Prepared: prepared, Notices: filepath.Join(w.state, opencode.NoticesName)}
}

// pluginPath is where the plugin is, or else where it goes: into the folder that is there already.
func (w *places) pluginPath() string {
	paths := w.pluginPaths(w.configs[0])
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

// pluginPaths are the places of the plugin's file in a config folder.
func (w *places) pluginPaths(config string) []string {
	var paths []string
	for _, folder := range opencode.PluginFolders {
		paths = append(paths, filepath.Join(config, folder, opencode.PluginName))
	}
	return paths
}

// wantsPlaceholder tells whether the folder is one into which OpenCode would install its package for our plugin
// alone. Where there is anything else that may need the package, OpenCode does as it always does.
func (w *places) wantsPlaceholder(folder, plugin string) bool {
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
			found, _ := filepath.Glob(filepath.Join(escapeGlob(folder), name, ext)) // the pattern is well-formed
			for _, path := range found {
				if path != plugin {
					return false
				}
			}
		}
	}
	return true
}

func escapeGlob(path string) string {
	if runtime.GOOS == "windows" {
		return path // there is no escape, and [ is rare
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// shimFiles are the shim alone.
func (w *places) shimFiles() ([]file, error) {
	found, err := w.realOpenCode()
	if err != nil {
		return nil, err
	}
	return []file{{path: w.shim, content: opencode.Shim(runtime.GOOS, w.program, found), mode: 0o755, what: "runs " + found + " under " + w.program}}, nil
}

// realOpenCode is the first opencode on PATH that is no shim of ours.
func (w *places) realOpenCode() (string, error) {
	for _, dir := range filepath.SplitList(w.search) {
		if dir == "" || sameFile(dir, filepath.Dir(w.shim)) {
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
	return "", hint.On(&codeError{exitNoCommand, errors.New("there is no opencode on PATH for the shim to run")}, "install OpenCode, or check PATH")
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

// pathLines are the lines for profiles, unless the shim is what the user already gets.
func (w *places) pathLines() []opencode.PathLine {
	for _, dir := range filepath.SplitList(w.search) {
		if filepath.Clean(dir) == filepath.Dir(w.shim) {
			return nil
		}
		if path, err := exec.LookPath(filepath.Join(dir, "opencode")); err == nil && path != w.shim {
			break
		}
	}
	return opencode.PathLines(filepath.Dir(w.shim))
}
