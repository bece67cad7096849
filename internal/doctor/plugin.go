package doctor

import (
	"os"
	"path/filepath"
	"slices"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/install"
	"ocgo-key/internal/text"
)

// pluginCheck checks the files that `ocgo-key install` writes: the plugin and the shim.
type pluginCheck struct{ *examination }

// plainUse says how plain `opencode` gets a key.
type plainUse struct {
	pooled bool // it uses the pool, by the plugin or by the shim
	result Result
}

func (e pluginCheck) checkPlugin(r *Result) {
	*r = e.plain().result
	if p := e.program(); p.Generation == 2 {
		e.openCode(p).others(r)
	}
}

// plainOpenCode determines whether plain `opencode` uses the pool. Other checks need that, too.
func (e pluginCheck) plainOpenCode() plainUse {
	u := plainUse{result: Result{Check: "plugin"}}
	r := &u.result
	w, err := install.Find(e.Getenv)
	if err != nil {
		r.Skipped = "not checked, since the home folder is not known"
		return u
	}
	plugins, loaded := e.checkPlugins(r, w)
	shim, first := e.checkShim(r, w, loaded)
	packaged := !opencode.On(e.Getenv(opencode.PureVariable)) && e.namesPackage()
	u.pooled = loaded || packaged || shim && first
	switch {
	case loaded:
		r.Well = "plain `opencode` uses the pool, by the plugin"
	case packaged:
		r.Well = "plain `opencode` uses the pool, by the npm package"
	case shim && first:
		r.Well = "plain `opencode` uses the pool, by the shim"
	case plugins || shim || len(r.Findings) > 0:
	default:
		r.found(Note, "ocgo-key install --yes", "plain `opencode` does not use the pool: neither the plugin nor the shim is installed; `ocgo-key run` does")
	}
	return u
}

// namesPackage reports whether the user's configuration names the npm package, which OpenCode then
// installs and loads by itself.
func (e pluginCheck) namesPackage() bool {
	for _, path := range opencode.UserConfigs(e.Getenv, e.home, e.home) {
		content, ok := regular(path, opencode.MaxLoginFile)
		if ok && opencode.NamesPackage(content, max(e.program().Generation, 1)) {
			return true
		}
	}
	return false
}

// checkPlugins reports whether the plugin is in a folder that OpenCode reads, and whether OpenCode
// loads it and it works.
func (e pluginCheck) checkPlugins(r *Result, w *install.Places) (there, loaded bool) {
	for _, config := range w.Configs {
		for _, path := range w.PluginPaths(config) {
			if _, err := os.Lstat(path); err != nil {
				continue
			}
			there = true
			if e.checkPluginFile(r, w, path) {
				loaded = true
			}
		}
	}
	if record, err := w.ReadRecord(); !there {
		if err == nil && slices.ContainsFunc(record.Files, func(path string) bool { return filepath.Base(path) == opencode.PluginName }) {
			r.found(Problem, "ocgo-key install --yes", "the plugin was installed, but is not in %s, where OpenCode now looks for plugins", w.Configs[0])
		}
		return false, false
	}
	if opencode.On(e.Getenv(opencode.PureVariable)) {
		r.found(Problem, "unset "+opencode.PureVariable, "%s is set, so OpenCode loads no plugin, as with --pure: plain `opencode` does not use the pool", opencode.PureVariable)
		return true, false
	}
	return there, loaded
}

// checkPluginFile reports whether the plugin at path works.
func (e pluginCheck) checkPluginFile(r *Result, w *install.Places, path string) bool {
	const again = "ocgo-key install --yes"
	content, ok := regular(path, opencode.MaxLoginFile)
	version, ours := opencode.Ours(content)
	if !ok || !ours {
		r.found(Problem, "mv "+text.Quote(path)+" "+text.Quote(path+".aside")+" && "+again, "%s is not the file that ocgo-key wrote: OpenCode loads it instead of the plugin", path)
		return false
	}
	plugin, readable := opencode.ReadPlugin(content)
	program := plugin.Program
	switch {
	case version > opencode.PluginVersion:
		r.found(Note, "ocgo-key uninstall && "+again, "%s is from a newer ocgo-key (%d, this one writes %d)", path, version, opencode.PluginVersion)
	case version < opencode.PluginVersion:
		r.found(Problem, again, "%s is from an older ocgo-key (%d, this one writes %d)", path, version, opencode.PluginVersion)
	case !readable || string(plugin.Content()) != string(content):
		r.found(Problem, again, "%s was changed since ocgo-key wrote it", path)
	}
	if !readable {
		return false
	}
	if !isProgram(program) {
		r.found(Problem, again, "%s starts %s, which does not exist: OpenCode works without the pool", path, program)
		return false
	}
	if program != w.Program && !install.SameFile(program, w.Program) {
		r.found(Note, again, "%s starts %s and not this program, %s", path, program, w.Program)
	}
	if why := opencode.PluginFailure(opencode.LogFile(e.Getenv, e.home), path); why != "" {
		r.found(Problem, "opencode service restart", "OpenCode 2 did not load %s (%s): plain `opencode` does not use the pool", path, why)
		return false
	}
	e.checkToasts(r, plugin, w.ToastFolder(path), again)
	return true
}

// checkToasts checks the files that show the plugin's notices. Without them the plugin still works.
func (e pluginCheck) checkToasts(r *Result, plugin opencode.Plugin, folder, again string) {
	for name, want := range plugin.ToastFiles() {
		if content, ok := regular(filepath.Join(folder, name), opencode.MaxLoginFile); !ok || string(content) != string(want) {
			r.found(Note, again, "%s is not the file that ocgo-key wrote: OpenCode 2 does not show the plugin's notices", filepath.Join(folder, name))
			return
		}
	}
}

// others reports other plugins that OpenCode 2 could not load, according to the log of its last
// server.
func (o *openCode) others(r *Result) {
	path := opencode.LogFile(o.getenv, o.home)
	for _, plugin := range opencode.FailedPlugins(path) {
		if filepath.IsAbs(plugin) {
			if _, err := os.Lstat(plugin); err != nil {
				continue // the user has removed the plugin since
			}
		}
		if filepath.Base(plugin) != opencode.PluginName && plugin != opencode.PluginID {
			r.found(Note, "grep 'failed to load plugin' "+text.Quote(path), "OpenCode 2 could not load the plugin %s", plugin)
		}
	}
}
