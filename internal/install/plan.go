package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/hint"
)

// The actions on a file or a folder.
const (
	actionWrite  = "write"
	actionUpdate = "update"
	actionKeep   = "keep"
	actionMake   = "make"
	actionRemove = "remove"
)

// A Step is an action on one file or folder. `install --json` prints steps.
type Step struct {
	Action string `json:"action"` // make (for a folder), write, update, keep, remove
	Path   string `json:"path"`
	What   string `json:"what,omitempty"` // a description for the user
}

// String returns the step as one line.
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

// A Plan is a planned installation.
type Plan struct {
	places  *Places
	changes []change
	folders []string // the folders to create, parents first
	record  Record   // includes the planned files
}

// PluginPlan plans the installation of the plugin. The error is a hint.ErrExists if a file at one
// of its paths is not ours, or was written by a newer version.
func (w *Places) PluginPlan() (*Plan, error) { return survey(w, w.pluginFiles()) }

// ShimPlan plans the installation of the shim. Errors are those of [Places.PluginPlan], and
// [ErrNoOpenCode].
func (w *Places) ShimPlan() (*Plan, error) {
	found, err := w.RealOpenCode()
	if err != nil {
		return nil, err
	}
	return survey(w, []file{{path: w.Shim, content: opencode.Shim(runtime.GOOS, w.Program, found), mode: 0o755,
		what: "runs " + found + " under " + w.Program}})
}

// Contents calls each with every file that will be written. It returns the first error.
func (p *Plan) Contents(each func(path string, content []byte) error) error {
	for _, c := range p.changes {
		if c.action != actionKeep {
			if err := each(c.path, c.content); err != nil {
				return err
			}
		}
	}
	return nil
}

// survey compares the files to install with the existing files. It refuses to replace files that
// are not ours.
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
		return actionWrite, nil
	}
	if err != nil {
		return "", err
	}
	foreign := hint.On(hint.As(hint.ErrExists, fmt.Errorf("%s is not a file of ocgo-key, so it is not replaced", f.path)),
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
		return actionKeep, nil
	case version > current:
		return "", hint.On(hint.As(hint.ErrExists, fmt.Errorf("%s was written by a newer ocgo-key", f.path)),
			"use that version, or uninstall first")
	}
	return actionUpdate, nil
}

// need adds dir and its parents to the plan, if they are missing.
func (p *Plan) need(dir string) {
	if _, err := os.Stat(dir); err != nil && dir != filepath.Dir(dir) {
		p.need(filepath.Dir(dir))
		p.folders = union(p.folders, dir)
	}
}

func union(list []string, item string) []string {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

// Idle reports whether everything is already installed.
func (p *Plan) Idle() bool {
	return len(p.folders) == 0 && !slices.ContainsFunc(p.changes, func(c change) bool { return c.action != actionKeep })
}

// Steps returns the steps of the installation, in order.
func (p *Plan) Steps() []Step {
	steps := []Step{}
	for _, dir := range p.folders {
		steps = append(steps, Step{Action: actionMake, Path: dir})
	}
	for _, c := range p.changes {
		steps = append(steps, Step{c.action, c.path, c.what})
	}
	return steps
}

// Apply executes the plan. It writes the record first, so that an interrupted installation can be
// uninstalled.
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
		if c.action != actionKeep {
			if err := atomicfile.Write(c.path, c.content, c.mode, true); err != nil {
				return err
			}
		}
	}
	return nil
}
