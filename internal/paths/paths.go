// Package paths computes where ocgo-key stores its files. It reads no file, creates no folder, and
// takes the environment as an argument.
package paths

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// StateDirEnv names the environment variable that overrides every other rule of [StateDir].
const StateDirEnv = "OCGO_KEY_STATE_DIR"

const name = "ocgo-key"

// StateDir returns the folder of state.json, state.lock and events.jsonl:
//
//   - $OCGO_KEY_STATE_DIR where it is set, else
//   - Windows: %LOCALAPPDATA%\ocgo-key, or AppData\Local\ocgo-key below home;
//   - macOS: ~/Library/Application Support/ocgo-key;
//   - everywhere else: $XDG_STATE_HOME/ocgo-key, or ~/.local/state/ocgo-key. A relative
//     XDG_STATE_HOME is ignored, as the XDG base directory specification requires
//     (https://specifications.freedesktop.org/basedir/).
//
// getenv is [os.Getenv] and home is [os.UserHomeDir], or substitutes; home is called only if
// needed. If no folder can be determined, the error says to set OCGO_KEY_STATE_DIR.
func StateDir(getenv func(string) string, home func() (string, error)) (string, error) {
	return stateDir(runtime.GOOS, getenv, home)
}

func stateDir(goos string, getenv func(string) string, home func() (string, error)) (string, error) {
	if dir := getenv(StateDirEnv); dir != "" {
		return filepath.Clean(dir), nil
	}
	var below []string
	switch goos {
	case "windows":
		if dir := getenv("LOCALAPPDATA"); isAbs(goos, dir) {
			return join(goos, dir, name), nil
		}
		below = []string{"AppData", "Local", name}
	case "darwin":
		below = []string{"Library", "Application Support", name}
	default:
		if dir := getenv("XDG_STATE_HOME"); isAbs(goos, dir) {
			return join(goos, dir, name), nil
		}
		below = []string{".local", "state", name}
	}
	dir, err := home()
	if err == nil && !isAbs(goos, dir) {
		err = errors.New("the home folder is not an absolute path")
	}
	if err != nil {
		return "", fmt.Errorf("no folder for the state: %w; set %s to one", err, StateDirEnv)
	}
	return join(goos, dir, below...), nil
}

// join and isAbs are like Join and IsAbs of path/filepath, but for the system goos, so that tests
// on one system can check the rules of all systems.
func join(goos, dir string, below ...string) string {
	sep := "/"
	if goos == "windows" {
		sep = `\`
		dir = strings.ReplaceAll(dir, "/", sep)
	}
	return strings.TrimRight(dir, sep) + sep + strings.Join(below, sep)
}

func isAbs(goos, dir string) bool {
	if goos != "windows" {
		return strings.HasPrefix(dir, "/")
	}
	dir = strings.ReplaceAll(dir, "/", `\`)
	return strings.HasPrefix(dir, `\\`) || len(dir) >= 3 && dir[1] == ':' && dir[2] == '\\'
}
