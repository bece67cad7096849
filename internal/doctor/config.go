package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/text"
)

// Config is about what a configuration of the user's says of single models: OpenCode prefers that to what is set for the
// provider.
func (a *Around) Config(paths []string) []Finding {
	var found []Finding
	for _, path := range paths {
		text, ok := read(path)
		if !ok {
			continue
		}
		for _, m := range opencode.ModelOverrides(text, a.StandIn) {
			level, effect := a.rival()
			if level == Note {
				effect = "the pool's is used in its place"
			}
			found = append(found, of(level, a.Edit(path), fmt.Sprintf("%s sets %s for model %s alone: %s", path, strings.Join(m.Names, " and "), m.Model, effect)))
		}
	}
	return found
}

func read(path string) ([]byte, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > opencode.MaxLoginFile {
		return nil, false
	}
	text, err := os.ReadFile(path)
	return text, err == nil
}

// Plugins is about plugins of others that the last server of OpenCode 2 could not load, as its log says.
func (a *Around) Plugins() []Finding {
	path := opencode.LogFile(a.Getenv, a.Home)
	var found []Finding
	for _, plugin := range opencode.FailedPlugins(path) {
		if filepath.IsAbs(plugin) {
			if _, err := os.Lstat(plugin); err != nil {
				continue // it is gone since
			}
		}
		if filepath.Base(plugin) != opencode.PluginName && plugin != opencode.PluginID {
			found = append(found, of(Note, "grep 'failed to load plugin' "+text.Quote(path), fmt.Sprintf("OpenCode 2 could not load the plugin %s", plugin)))
		}
	}
	return found
}
