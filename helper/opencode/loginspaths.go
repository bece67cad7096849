package opencode

import "path/filepath"

// The names of the files that contain keys.
const (
	AuthFile     = "auth.json"
	accountsFile = "opencode-go-accounts.json"
	// RotationFile is beside the accounts file and says which account was used last.
	RotationFile = "opencode-go-rotation.json"
)

// KeyVariable is the environment variable that OpenCode takes a key from.
const KeyVariable = "OPENCODE_API_KEY"

// LoginFiles returns the paths where OpenCode and opencode-go-multi-auth keep keys, the files with
// labels first. The files need not exist. home is the user's home folder; getenv is os.Getenv or a
// substitute.
//
// OpenCode uses the XDG base directories on every system, including macOS and Windows (its package
// xdg-basedir). The plugin uses only ~/.config. Its files are also searched for in OpenCode's
// folders.
func LoginFiles(getenv func(string) string, home string) []string {
	data := dataFolder(getenv, home)
	folders := []string{filepath.Join(home, ".config", "opencode"), filepath.Join(baseFolder(getenv, home, "XDG_CONFIG_HOME", ".config"), "opencode"), data}
	if dir := getenv(folderVariable); filepath.IsAbs(dir) {
		folders = append(folders, dir)
	}
	var files []string
	for _, folder := range folders {
		files = append(files, filepath.Join(folder, accountsFile))
	}
	return append(unique(files), filepath.Join(data, AuthFile))
}

// baseFolder returns one of the XDG base directories.
func baseFolder(getenv func(string) string, home, variable string, below ...string) string {
	// xdg-basedir also accepts a relative folder, but its meaning would depend on the current
	// folder.
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(append([]string{home}, below...)...)
}

// dataFolder returns OpenCode's data folder.
func dataFolder(getenv func(string) string, home string) string {
	return filepath.Join(baseFolder(getenv, home, "XDG_DATA_HOME", ".local", "share"), "opencode")
}
