package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
)

// file is one that is to be there.
type file struct {
	path    string
	content []byte
	mode    fs.FileMode
	what    string // for people
	beside  string // a folder that has to be there too; empty for none
}

// What happens to a file.
const (
	writeIt  = "write"
	updateIt = "update"
	keepIt   = "keep"
	makeIt   = "make"
	removeIt = "remove"
)

type change struct {
	file
	action string
}

// A Plan is what an installation will do.
type Plan struct {
	changes []change
	folders []string // to be made, parents first
	record  Record   // as it will be
}

// A Record says what was installed, for the day it is taken away. It holds no secret.
type Record struct {
	Version int      `json:"version"`
	Files   []string `json:"files"`
	Folders []string `json:"folders"` // made by us, parents first
}

const recordVersion = 1

func (w *Places) recordPath() string { return filepath.Join(w.State, "install.json") }

// ReadRecord returns the record; an empty one where nothing is installed.
func (w *Places) ReadRecord() (Record, error) {
	r := Record{Version: recordVersion}
	content, err := os.ReadFile(w.recordPath())
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	switch {
	case err != nil:
		return r, hint.On(fmt.Errorf("cannot read what was installed: %w", err), "delete "+text.Quote(w.recordPath())+" and try again")
	case r.Version != recordVersion:
		return r, hint.On(fmt.Errorf("%s is from a newer ocgo-key", w.recordPath()), "upgrade this ocgo-key")
	}
	return r, nil
}

// Plugin plans the installation of the plugin. Its error says that something in the way is not ours.
func (w *Places) Plugin() (*Plan, error) { return survey(w, w.pluginFiles()) }

// ShimPlan plans the installation of the shim. Errors are those of Plugin, and [ErrNoOpenCode].
func (w *Places) ShimPlan() (*Plan, error) {
	files, err := w.shimFiles()
	if err != nil {
		return nil, err
	}
	return survey(w, files)
}

// A Step is one file or folder, and what happens to it.
type Step struct {
	Action string `json:"action"` // make (a folder), write, update, keep, remove
	Path   string `json:"path"`
	What   string `json:"what,omitempty"`
}

// Contents are the files that will be written, with their paths.
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
	p := &Plan{}
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
	foreign := hint.On(hint.As(hint.ErrExists, fmt.Errorf("%s is not ocgo-key's own: it is left as it is", f.path)), "move it away, then install again")
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
		return "", hint.On(hint.As(hint.ErrExists, fmt.Errorf("%s was written by a newer ocgo-key", f.path)), "use that one, or uninstall first")
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

// Apply does what was planned. The record is first: what follows can be taken away again wherever it ends.
func (p *Plan) Apply(w *Places) error {
	if err := os.MkdirAll(w.State, 0o700); err != nil {
		return err
	}
	content, err := json.MarshalIndent(p.record, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(w.recordPath(), append(content, '\n'), 0o600, true); err != nil {
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

// Remains is what an installation has left.
type Remains struct {
	files   []string
	folders []string // parents first
	Foreign []string // were ours by the record, and are no longer
	record  bool
}

// Remains finds what an installation has left by the record, and where that is lost at the usual places.
func (w *Places) Remains() (*Remains, error) {
	record, err := w.ReadRecord()
	if err != nil {
		return nil, err
	}
	r := &Remains{folders: record.Folders}
	candidates := append(slices.Clone(record.Files), w.Shim)
	for _, config := range w.Configs {
		candidates = append(append(candidates, w.PluginPaths(config)...), filepath.Join(config, opencode.LockName))
		for _, path := range w.PluginPaths(config) {
			for name := range w.plugin(nil).ToastFiles() {
				candidates = append(candidates, filepath.Join(w.ToastFolder(path), name))
			}
		}
	}
	for _, path := range candidates {
		info, err := os.Lstat(path)
		if err != nil || slices.Contains(r.files, path) {
			continue
		}
		recorded := slices.Contains(record.Files, path)
		ours := false
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			_, ours = opencode.Ours(content)
		}
		switch {
		case ours:
			r.files = append(r.files, path)
			if dir := filepath.Dir(path); filepath.Base(dir) == opencode.ToastFolder { // also where the record is lost
				r.folders = union(r.folders, dir)
			}
		case recorded && filepath.Base(path) != opencode.LockName: // OpenCode's own has taken the place of ours
			r.Foreign = union(r.Foreign, path)
		}
	}
	_, err = os.Lstat(w.recordPath())
	r.record = err == nil
	return r, nil
}

// Steps are what will happen, in this order.
func (r *Remains) Steps() []Step {
	steps := []Step{}
	for _, path := range r.files {
		steps = append(steps, Step{Action: removeIt, Path: path})
	}
	return steps
}

// Remove takes it away: the files, the folders that were made for them where nothing else is in there now, and the
// record last. It returns what went.
func (r *Remains) Remove(w *Places) ([]Step, error) {
	gone := []Step{}
	for _, path := range r.files {
		if err := os.Remove(path); err != nil {
			return gone, err
		}
		gone = append(gone, Step{Action: removeIt, Path: path})
	}
	if r.record {
		_ = os.Remove(filepath.Join(w.State, opencode.NoticesName)) // there may be none, and nothing in it is missed
		if err := os.Remove(w.recordPath()); err != nil {
			return gone, err
		}
	}
	for _, dir := range slices.Backward(r.folders) {
		// os.Remove takes no folder with something in it; what is no folder is not ours.
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && os.Remove(dir) == nil {
			gone = append(gone, Step{Action: removeIt, Path: dir})
		}
	}
	return gone, nil
}
