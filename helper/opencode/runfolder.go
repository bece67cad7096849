package opencode

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// runPrefix is what the folder of a run is called, up to a part of its own.
const runPrefix = "ocgo-key-run-"

// RunFolder has what one run shows to OpenCode and to what it starts. It holds no secret.
type RunFolder struct {
	dir string
	// Bin stands first on the PATH of what the run starts; empty if there is nothing to put there.
	Bin string
	// Plugin is for OpenCode 2; see [WriteRunPlugin].
	Plugin string
}

// NewRunFolder makes one in the folder temp. Its Bin has a shim that runs real, an absolute path, under program; where real
// is empty there is no Bin. goos is the system.
func NewRunFolder(temp, goos, program, real string) (RunFolder, error) {
	dir, err := os.MkdirTemp(temp, runPrefix)
	if err != nil {
		return RunFolder{}, err
	}
	f := RunFolder{dir: dir}
	if f.Plugin, err = WriteRunPlugin(filepath.Join(dir, "plugin")); err == nil && real != "" {
		f.Bin = filepath.Join(dir, "bin")
		if err = os.Mkdir(f.Bin, 0o700); err == nil {
			err = os.WriteFile(filepath.Join(f.Bin, ShimName(goos)), RunShim(goos, program, real), 0o700)
		}
	}
	if err != nil {
		f.Remove()
		return RunFolder{}, err
	}
	return f, nil
}

// Remove removes the folder. Of the zero value it removes nothing.
func (f RunFolder) Remove() {
	if f.dir != "" {
		_ = os.RemoveAll(f.dir) // what is left of it holds no secret, and is in the folder for such things
	}
}

// BeforePath returns path, a PATH, with Bin first.
func (f RunFolder) BeforePath(path string) string {
	if f.Bin == "" {
		return path
	}
	return f.Bin + string(os.PathListSeparator) + path
}

// WithoutRuns returns path, a PATH, without the folders of runs.
func WithoutRuns(path string) string {
	dirs := filepath.SplitList(path)
	kept := slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool {
		return strings.HasPrefix(filepath.Base(filepath.Dir(dir)), runPrefix)
	})
	if len(kept) == len(dirs) {
		return path
	}
	return strings.Join(kept, string(os.PathListSeparator))
}

// AddPlugin returns configuration content with one more folder among the plugins of OpenCode 2. OpenCode 1 ignores it.
func AddPlugin(content, folder string) (string, error) {
	text, references := quoteReferences(content, true)
	config, err := parseObject([]byte(text))
	if err != nil {
		return "", err
	}
	var plugins []json.RawMessage
	if raw, ok := config["plugins"]; ok && json.Unmarshal(raw, &plugins) != nil {
		return "", fmt.Errorf("%w: %q in it is not a list", ErrConfig, "plugins")
	}
	ours, _ := json.Marshal(folder) // strings always marshal
	config["plugins"], err = json.Marshal(append(plugins, ours))
	if err != nil {
		return "", err
	}
	merged, err := json.Marshal(config)
	return references.restore(string(merged)), err
}
