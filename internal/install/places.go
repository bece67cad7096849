// Package install puts the plugin, or a shim, where plain `opencode` finds it, and removes exactly
// what it wrote: where that is (places.go), which files it is (files.go), what is done to get there
// (plan.go), what was written (record.go), and how it goes again (uninstall.go). It touches no file
// that is not its own, asks nobody and prints nothing.
package install

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

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
	// OpenCode reads this one too if it is there, as it is where OpenCode's own installer puts the
	// program.
	if dir := filepath.Join(home, ".opencode"); isFolder(dir) {
		w.Configs = append(w.Configs, dir)
	}
	for _, name := range []string{"XDG_CONFIG_HOME", "OPENCODE_CONFIG_DIR"} {
		if dir := getenv(name); dir != "" && !filepath.IsAbs(dir) {
			return nil, hint.On(hint.Input("%s is %q, which is another folder for each place that OpenCode is started in", name, dir),
				"set it to a whole path")
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

// ownPath is the absolute path of this program. The name by which it was called is preferred to the
// file behind its links: a package manager moves the file at each upgrade.
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

// ToastFolder is the folder that goes with the plugin at path.
func (w *Places) ToastFolder(path string) string {
	return filepath.Join(filepath.Dir(path), opencode.ToastFolder)
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

// ErrNoOpenCode means that there is nothing for the shim to run.
var ErrNoOpenCode = errors.New("there is no opencode on PATH for the shim to run")

// RealOpenCode is the first opencode on PATH that is no shim of ours. The error wraps
// [ErrNoOpenCode].
func (w *Places) RealOpenCode() (string, error) {
	path, err := opencode.Find(w.Search)
	if err != nil {
		return "", hint.On(ErrNoOpenCode, "install OpenCode, or check PATH")
	}
	return path, nil
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
