package doctor

import (
	"os"
	"path/filepath"
	"regexp"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/install"
)

// leftoverAge is the age from which a temporary file cannot belong to a running process.
const leftoverAge = time.Minute

// checkLeftovers reports temporary files of killed commands, in every folder that ocgo-key writes to,
// and folders of killed runs.
func (e stateCheck) checkLeftovers(r *Result, dir string) {
	var targets []string
	for _, name := range privateFiles {
		targets = append(targets, filepath.Join(dir, name))
	}
	if w, err := install.Find(e.Getenv); err == nil {
		targets = append(targets, w.Shim)
		for _, config := range w.Configs {
			targets = append(append(targets, w.PluginPaths(config)...), filepath.Join(config, opencode.LockName))
		}
	}
	if e.home != "" {
		targets = append(targets, opencode.LoginFiles(e.Getenv, e.home)...)
	}
	for _, path := range leftovers(targets, time.Now()) {
		r.fixable(remove(path, os.Remove), "%s was left behind by a killed command", path)
	}
	for _, folder := range opencode.DeadRunFolders(os.TempDir(), time.Now()) {
		r.fixable(remove(folder, opencode.RemoveRunFolder), "%s was left behind by a killed `run`", folder)
	}
}

// leftovers returns the old temporary files of package atomicfile for these targets. It recognizes
// them by name.
func leftovers(targets []string, now time.Time) []string {
	var found []string
	for _, target := range targets {
		folder, name := filepath.Split(target)
		pattern := regexp.MustCompile(`^\.` + regexp.QuoteMeta(name) + `\.[0-9]+\.tmp$`)
		entries, _ := os.ReadDir(folder) // a missing folder has none
		for _, entry := range entries {
			if !pattern.MatchString(entry.Name()) {
				continue
			}
			info, err := entry.Info()
			if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > leftoverAge {
				found = append(found, filepath.Join(folder, entry.Name()))
			}
		}
	}
	return found
}
