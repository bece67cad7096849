package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/report"
	"ocgo-key/internal/text"
)

// RepairCommand is the command that fixes each repairable finding.
const RepairCommand = "ocgo-key doctor --repair"

// Repairable reports whether [Repair] can fix the finding.
func (f Finding) Repairable() bool { return f.repair != nil }

// Repairable reports whether [Repair] can fix a finding of r.
func (r Result) Repairable() bool { return slices.ContainsFunc(r.Findings, Finding.Repairable) }

// A repair fixes a finding, and returns a description of what it did.
type repair = func(context.Context) (string, error)

// Repaired is one completed repair.
type Repaired struct {
	Check string `json:"check"`
	What  string `json:"what"`
}

// Repair runs the repairs of all findings, and warns of failures.
func Repair(results []Result, tell report.Reporter) []Repaired {
	ctx, cancel := context.WithTimeout(context.Background(), keychainLimit)
	defer cancel()
	var done []Repaired
	for _, r := range results {
		for _, f := range r.Findings {
			if f.repair == nil {
				continue
			}
			what, err := f.repair(ctx)
			if err != nil {
				tell.Warn(text.Line(fmt.Sprintf("%s: could not be repaired: %v", f.Check, err)), "")
				continue
			}
			done = append(done, Repaired{f.Check, text.Line(what)})
		}
	}
	return done
}

func chmod(path string, mode fs.FileMode) repair {
	return func(context.Context) (string, error) {
		return fmt.Sprintf("%s has mode %04o", path, mode), os.Chmod(path, mode)
	}
}

// aside renames the file at path to path.aside.TIME, so that nothing is deleted.
func aside(path string) repair {
	return func(context.Context) (string, error) {
		to := fmt.Sprintf("%s.aside.%d", path, time.Now().Unix())
		if _, err := os.Lstat(to); err == nil {
			return "", fmt.Errorf("%s already exists", to)
		}
		return fmt.Sprintf("%s is now %s", path, to), os.Rename(path, to)
	}
}

// unlink returns the repair of a symbolic link. If the link leads to a regular file, the repair
// replaces the link by a copy of that file. Otherwise it renames the link, as aside does.
func unlink(path string) repair {
	return func(ctx context.Context) (string, error) {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return aside(path)(ctx)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		return path + " is now a regular file, with the same content", atomicfile.Write(path, content, 0o600, true)
	}
}

// remove returns the repair that deletes path with the function by.
func remove(path string, by func(path string) error) repair {
	return func(context.Context) (string, error) { return "deleted " + path, by(path) }
}
