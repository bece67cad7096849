package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/hint"
)

// What happens to a file or a folder.
const (
	writeIt  = "write"
	updateIt = "update"
	keepIt   = "keep"
	makeIt   = "make"
	removeIt = "remove"
)

// A Step is one file or folder, and what happens to it. Its JSON is that of `install --json`.
type Step struct {
	Action string `json:"action"` // make (a folder), write, update, keep, remove
	Path   string `json:"path"`
	What   string `json:"what,omitempty"` // for people
}

// String is the line that shows the step.
func (s Step) String() string {
	line := fmt.Sprintf("%-7s %s", s.Action, s.Path)
	if s.What != "" {
		line += "  (" + s.What + ")"
	}
	return line
}

type change struct {
	file
	action string
}

// A Plan is what an installation will do.
type Plan struct {
	places  *Places
	changes []change
	folders []string // to be made, parents first
	record  Record   // as it will be
}

// PluginPlan plans the installation of the plugin. The error is a hint.ErrExists where something in
// the way is not ours, or was written by a newer version.
func (w *Places) PluginPlan() (*Plan, error) { return survey(w, w.pluginFiles()) }

// ShimPlan plans the installation of the shim. Errors are those of
// [Places.PluginPlan], and [ErrNoOpenCode].
func (w *Places) ShimPlan() (*Plan, error) {
	files, err := w.shimFiles()
	if err != nil {
		return nil, err
	}
	return survey(w, files)
}

// Contents calls each with every file that will be written, and ends with the first error.
func (p *Plan) Contents(each func(path string, content []byte) error) error {
	for _, c := range p.changes {
		if c.action == keepIt {
			continue
		}
		if err := each(c.path, c.content); err != nil {
			return err
		}
	}
	return nil
}

// survey compares what is to be there with what is there. It refuses what is not ours.
func survey(w *Places, files []file) (*Plan, error) {
	p := &Plan{places: w}
	var err error
	if p.record, err = w.ReadRecord(); err != nil {
		return nil, err
	}
	for _, f := range files {
		action, err := compare(f)
		if err != nil {
			return nil, err
		}
		p.changes = append(p.changes, change{f, action})
		p.record.Files = union(p.record.Files, f.path)
		p.need(filepath.Dir(f.path))
		if f.beside != "" {
			p.need(f.beside)
		}
	}
	p.need(w.State)
	for _, dir := range p.folders {
		p.record.Folders = union(p.record.Folders, dir)
	}
	return p, nil
}

func compare(f file) (action string, err error) {
	info, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeIt, nil
	}
	if err != nil {
		return "", err
	}
	foreign := hint.On(hint.As(hint.ErrExists, fmt.Errorf("%s is not ocgo-key's own: it is left as it is", f.path)),
		"move it away, then install again")
	if !info.Mode().IsRegular() {
		return "", foreign
	}
	content, err := os.ReadFile(f.path)
	if err != nil {
		return "", err
	}
	version, ours := opencode.Ours(content)
	current, _ := opencode.Ours(f.content)
	switch {
	case !ours:
		return "", foreign
	case string(content) == string(f.content):
		return keepIt, nil
	case version > current:
		return "", hint.On(hint.As(hint.ErrExists, fmt.Errorf("%s was written by a newer ocgo-key", f.path)),
			"use that one, or uninstall first")
	}
	return updateIt, nil
}

// need plans the folders that are missing on the way to dir.
func (p *Plan) need(dir string) {
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	slices.Reverse(missing)
	for _, dir := range missing {
		p.folders = union(p.folders, dir)
	}
}

func union(list []string, item string) []string {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

// Idle reports whether all is there already.
func (p *Plan) Idle() bool {
	return len(p.folders) == 0 && !slices.ContainsFunc(p.changes, func(c change) bool { return c.action != keepIt })
}

// Steps are what will happen, in this order.
func (p *Plan) Steps() []Step {
	steps := []Step{}
	for _, dir := range p.folders {
		steps = append(steps, Step{Action: makeIt, Path: dir})
	}
	for _, c := range p.changes {
		steps = append(steps, Step{c.action, c.path, c.what})
	}
	return steps
}

// Apply does what was planned. The record is first: wherever the rest ends, it can be uninstalled.
func (p *Plan) Apply() error {
	if err := p.places.writeRecord(p.record); err != nil {
		return err
	}
	for _, dir := range p.folders {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, c := range p.changes {
		if c.action == keepIt {
			continue
		}
		if err := atomicfile.Write(c.path, c.content, c.mode, true); err != nil {
			return err
		}
	}
	return nil
}
