package install

import (
	"os"
	"path/filepath"
	"slices"

	"ocgo-key/helper/opencode"
)

// Remains is what an installation has left.
type Remains struct {
	Foreign []string // files that were ours by the record, and are no longer
	places  *Places
	files   []string
	folders []string // parents first
	record  bool
}

// Remains finds what an installation has left by the record, and where that is lost at the usual
// places.
func (w *Places) Remains() (*Remains, error) {
	record, err := w.ReadRecord()
	if err != nil {
		return nil, err
	}
	r := &Remains{places: w, folders: record.Folders}
	for _, path := range append(slices.Clone(record.Files), w.usualFiles()...) {
		if err := r.look(path, slices.Contains(record.Files, path)); err != nil {
			return nil, err
		}
	}
	_, err = os.Lstat(w.recordPath())
	r.record = err == nil
	return r, nil
}

// usualFiles are all that an installation could have written.
func (w *Places) usualFiles() []string {
	files := []string{w.Shim}
	for _, config := range w.Configs {
		files = append(append(files, w.PluginPaths(config)...), filepath.Join(config, opencode.LockName))
		for _, path := range w.PluginPaths(config) {
			for name := range w.plugin(nil).ToastFiles() {
				files = append(files, filepath.Join(w.ToastFolder(path), name))
			}
		}
	}
	return files
}

// look finds out whether the file at path is ours still.
func (r *Remains) look(path string, recorded bool) error {
	info, err := os.Lstat(path)
	if err != nil || slices.Contains(r.files, path) {
		return nil
	}
	ours := false
	if info.Mode().IsRegular() {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
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
	return nil
}

// Steps are what will happen, in this order.
func (r *Remains) Steps() []Step {
	steps := []Step{}
	for _, path := range r.files {
		steps = append(steps, Step{Action: removeIt, Path: path})
	}
	return steps
}

// Remove removes the files, then the record, and the folders that were made for them where nothing
// else is in there now. It returns what went.
func (r *Remains) Remove() ([]Step, error) {
	gone := []Step{}
	for _, path := range r.files {
		if err := os.Remove(path); err != nil {
			return gone, err
		}
		gone = append(gone, Step{Action: removeIt, Path: path})
	}
	if r.record {
		_ = os.Remove(filepath.Join(r.places.State, opencode.NoticesName)) // there may be none, and nothing in it is missed
		if err := os.Remove(r.places.recordPath()); err != nil {
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
