// Package install makes plain `opencode` use the pool, by a plugin or a shim. It later removes
// exactly the files that it wrote. places.go has the folders, files.go the files, plan.go the
// installation, record.go the record of written files, uninstall.go the removal. The package
// changes only its own files, asks no questions and prints nothing.
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

// Places are the paths of an installation for this user. All are absolute.
type Places struct {
	Program string   // the path of this program, still valid after an upgrade
	Configs []string // OpenCode's config folders; the plugin is installed into the first one
	Shim    string   // the shim's path
	State   string   // the state folder, which contains the record
	Search  string   // PATH
}

// Find determines the paths from the environment.
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
	// OpenCode also reads this folder if it exists. OpenCode's installer creates it.
	dir := filepath.Join(home, ".opencode")
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		w.Configs = append(w.Configs, dir)
	}
	for _, name := range []string{"XDG_CONFIG_HOME", "OPENCODE_CONFIG_DIR"} {
		if dir := getenv(name); dir != "" && !filepath.IsAbs(dir) {
			return nil, hint.On(hint.Input("%s is %q, which is a different folder for each working directory of OpenCode", name, dir),
				"set it to an absolute path")
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

// ownPath returns the absolute path of this program. If a symbolic link was used to start the
// program, ownPath returns the path of the link: package managers move the file itself at each
// upgrade.
func ownPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	called, err := exec.LookPath(os.Args[0])
	if err == nil {
		called, err = filepath.Abs(called)
	}
	if err != nil || !SameFile(called, self) {
		return self, nil
	}
	return called, nil
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

// ToastFolder returns the folder for the notices of the plugin at path.
func (w *Places) ToastFolder(path string) string {
	return filepath.Join(filepath.Dir(path), opencode.ToastFolder)
}

// pluginPath returns the path of the plugin. If no plugin is installed, it prefers a folder that
// exists.
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

// PluginPaths returns the possible paths of the plugin in a config folder.
func (w *Places) PluginPaths(config string) []string {
	var paths []string
	for _, folder := range opencode.PluginFolders {
		paths = append(paths, filepath.Join(config, folder, opencode.PluginName))
	}
	return paths
}

// ErrNoOpenCode means that there is no OpenCode for the shim to run.
var ErrNoOpenCode = errors.New("there is no opencode on PATH for the shim to run")

// RealOpenCode returns the first opencode on PATH that is not our shim. The error wraps
// [ErrNoOpenCode].
func (w *Places) RealOpenCode() (string, error) {
	path, err := opencode.Find(w.Search)
	if err != nil {
		return "", hint.On(ErrNoOpenCode, "install OpenCode, or check PATH")
	}
	return path, nil
}

// PathLines returns the lines for shell profiles. It returns nil if the shim is already the first
// opencode on PATH.
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
