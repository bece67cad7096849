package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/report"
	"ocgo-key/internal/text"
)

// RepairCommand is the fix of a finding that has a repair.
const RepairCommand = "ocgo-key doctor --repair"

// Repairable reports whether [Repair] can put it right.
func (f Finding) Repairable() bool { return f.repair != nil }

// A repair puts a finding right, and returns what it did.
type repair = func(context.Context) (string, error)

// Repaired is one thing that a repair did.
type Repaired struct {
	Check string `json:"check"`
	What  string `json:"what"`
}

// Repair runs the repairs of all findings, and warns of those that fail.
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

// aside moves away what should not be there. Nothing is deleted.
func aside(path string) repair {
	return func(context.Context) (string, error) {
		to := fmt.Sprintf("%s.aside.%d", path, time.Now().Unix())
		if _, err := os.Lstat(to); err == nil {
			return "", fmt.Errorf("%s is there already", to)
		}
		return fmt.Sprintf("%s is now %s", path, to), os.Rename(path, to)
	}
}

// unlink puts a file of its own in the place of a link to one, with what is in it; any other link
// goes aside.
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
		return path + " is a file of its own, with the same content", atomicfile.Write(path, content, 0o600, true)
	}
}

// remove deletes what a process that was killed left behind.
func remove(path string, by func(path string) error) repair {
	return func(context.Context) (string, error) { return "deleted " + path, by(path) }
}
