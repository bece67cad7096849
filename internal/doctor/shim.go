package doctor

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/install"
	"ocgo-key/internal/text"
)

// checkShim reports whether there is a working shim, and whether it is the first opencode on PATH.
func (e pluginCheck) checkShim(r *Result, w *install.Places, loaded bool) (there, first bool) {
	const again = "ocgo-key install --shim --yes"
	record, err := w.ReadRecord()
	recorded := err == nil && slices.Contains(record.Files, w.Shim)
	content, ok := regular(w.Shim, opencode.MaxLoginFile)
	version, ours := opencode.Ours(content)
	switch {
	case !ok:
		if _, err := os.Lstat(w.Shim); recorded && err != nil {
			r.found(Problem, again, "the shim was installed, but is no longer in %s", filepath.Dir(w.Shim))
		}
		return false, false
	case !ours && recorded:
		r.found(Problem, "mv "+text.Quote(w.Shim)+" "+text.Quote(w.Shim+".aside")+" && "+again, "%s is not the file that ocgo-key wrote", w.Shim)
		return false, false
	case !ours:
		return false, false
	case version > opencode.ShimVersion:
		r.found(Note, "ocgo-key uninstall && "+again, "%s is from a newer ocgo-key (%d, this one writes %d)", w.Shim, version, opencode.ShimVersion)
	default:
		real, err := w.RealOpenCode()
		if err == nil && string(opencode.Shim(runtime.GOOS, w.Program, real)) != string(content) {
			r.found(Problem, again, "%s does not start %s with this ocgo-key: one of the two was moved, or the file was changed", w.Shim, real)
		} else {
			there = true
		}
	}
	if lines := w.PathLines(); lines != nil {
		level := Problem
		if loaded {
			level = Note
		}
		r.found(level, e.pathLine(lines), "the shim is not used, because another opencode comes before it on PATH")
		return there, false
	}
	return there, true
}

// pathLine returns the line for the user's shell, or the first line if the shell is unknown.
func (e pluginCheck) pathLine(lines []opencode.PathLine) string {
	shell := filepath.Base(e.Getenv("SHELL"))
	if runtime.GOOS == "windows" {
		shell = "PowerShell"
	}
	i := slices.IndexFunc(lines, func(l opencode.PathLine) bool { return strings.EqualFold(l.Shell, shell) })
	return lines[max(i, 0)].Line
}
