package opencode

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Environment variables that determine OpenCode's configuration. Source: docs/facts.md, "Which key
// OpenCode uses".
const (
	fileVariable      = "OPENCODE_CONFIG"
	folderVariable    = "OPENCODE_CONFIG_DIR"
	noProjectVariable = "OPENCODE_DISABLE_PROJECT_CONFIG"
	managedVariable   = "OPENCODE_TEST_MANAGED_CONFIG_DIR"
	// LoginVariable contains logins that replace all logins in auth.json.
	LoginVariable = "OPENCODE_AUTH_CONTENT"
	// PureVariable is set by --pure. OpenCode then loads no plugin of the user.
	PureVariable = "OPENCODE_PURE"
)

// On reports whether the value of one of OpenCode's variables means true to OpenCode.
func On(value string) bool { return value == "1" || strings.EqualFold(value, "true") }

// UserConfigs returns the paths of the configuration files that OpenCode reads when started in dir.
// The file with the lowest precedence is first. Managed files are not included. The files need not
// exist. Relative folders are relative to dir; home is the user's home folder.
func UserConfigs(getenv func(string) string, home, dir string) []string {
	files := configsIn(globalConfig(getenv, home), "config.json", "opencode.json", "opencode.jsonc")
	if file := getenv(fileVariable); file != "" {
		files = append(files, file)
	}
	var folders []string
	if !On(getenv(noProjectVariable)) {
		above := upward(dir)
		for _, folder := range slices.Backward(above) {
			files = append(files, configsIn(folder, "opencode.json", "opencode.jsonc")...)
		}
		for _, folder := range above {
			folders = append(folders, filepath.Join(folder, ".opencode"))
		}
	}
	folders = append(folders, filepath.Join(home, ".opencode"))
	if folder := getenv(folderVariable); folder != "" {
		folders = append(folders, folder)
	}
	for _, folder := range folders {
		files = append(files, configsIn(folder, "opencode.json", "opencode.jsonc")...)
	}
	for i, file := range files {
		if !filepath.IsAbs(file) {
			files[i] = filepath.Join(dir, file)
		}
	}
	return unique(files)
}

// unique returns the paths in order, each once.
func unique(all []string) (once []string) {
	for _, path := range all {
		if !slices.Contains(once, path) {
			once = append(once, path)
		}
	}
	return once
}

// globalConfig returns the user's config folder of OpenCode.
func globalConfig(getenv func(string) string, home string) string {
	return filepath.Join(cmp.Or(getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config")), "opencode")
}

func configsIn(folder string, names ...string) []string {
	files := make([]string, len(names))
	for i, name := range names {
		files[i] = filepath.Join(folder, name)
	}
	return files
}

// upward returns dir and the folders above it, up to the root of its git repository, or up to / if
// there is no repository.
func upward(dir string) []string {
	var folders []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		folders = append(folders, at)
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil || at == filepath.Dir(at) {
			return folders
		}
	}
}

// ManagedConfigs returns the paths of an administrator's configuration files on the system goos.
// They override all other configuration, including a wrapper's. Source: OpenCode's
// src/config/managed.ts.
func ManagedConfigs(goos string, getenv func(string) string) []string {
	folder := getenv(managedVariable)
	switch {
	case folder != "":
	case goos == "darwin":
		folder = "/Library/Application Support/opencode"
	case goos == "windows":
		folder = filepath.Join(cmp.Or(getenv("ProgramData"), `C:\ProgramData`), "opencode")
	default:
		folder = "/etc/opencode"
	}
	return configsIn(folder, "opencode.json", "opencode.jsonc")
}

// ManagedPreferences returns the paths of macOS property lists. OpenCode uses the first one that
// exists; it overrides all other configuration. Source: as for ManagedConfigs.
func ManagedPreferences(user string) []string {
	const folder, name = "/Library/Managed Preferences", "ai.opencode.managed.plist"
	return []string{filepath.Join(folder, user, name), filepath.Join(folder, name)}
}

// Overrides describes what a configuration sets for the Go provider's address and key. It contains
// neither of them.
type Overrides struct {
	BaseURL bool
	Key     KeyForm
	// StandsIn is true if the key is a placeholder: its value begins with the parameter standIn of
	// ReadOverrides.
	StandsIn bool
	// Headers are the names of the headers that send a key to the service, as written.
	Headers []string
	// Second is true if all settings are only in the format of OpenCode 2: providers.ID.settings
	// and providers.ID.headers.
	Second bool
	// Env are the variables from which OpenCode takes the key if the configuration sets none.
	Env []string
}

// Any reports whether anything is set.
func (o Overrides) Any() bool { return o.BaseURL || o.Key != NoKey || len(o.Headers) > 0 }

// ReadOverrides reads a configuration. A key that begins with standIn is a placeholder. Errors do
// not quote the configuration.
func ReadOverrides(config []byte, standIn string) (Overrides, error) {
	var o Overrides
	if len(bytes.TrimSpace(bytes.TrimPrefix(config, bom))) == 0 {
		return o, nil
	}
	quoted, _ := quoteReferences(string(bytes.TrimPrefix(config, bom)), true)
	root, err := parseRoot([]byte(quoted))
	if err != nil {
		return o, errors.New("the content is not a JSON object") // the parser's message could quote the content
	}
	var second Overrides
	o.read(child(child(root, "provider"), GoProvider), "options", standIn)
	second.read(child(child(root, "providers"), GoProvider), "settings", standIn)
	return o.with(second), nil
}
