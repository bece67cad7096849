package install

import (
	"os"
	"path/filepath"
	"slices"

	"ocgo-key/helper/opencode"
)

// Remains are the existing files of an installation.
type Remains struct {
	Foreign []string // recorded files that are no longer ours
	places  *Places
	files   []string
	folders []string // parents first
	record  bool
}

// Remains finds the files of an installation: those in the record, and those at the usual paths, in
// case the record is lost.
func (w *Places) Remains() (*Remains, error) {
	record, err := w.ReadRecord()
	if err != nil {
		return nil, err
	}
	r := &Remains{places: w, folders: record.Folders}
	for _, path := range append(slices.Clone(record.Files), w.usualFiles()...) {
		if err := r.add(path, slices.Contains(record.Files, path)); err != nil {
			return nil, err
		}
	}
	_, err = os.Lstat(w.recordPath())
	r.record = err == nil
	return r, nil
}

// usualFiles returns all files that an installation may have written.
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

// add adds the file at path, if it exists: to files if it is still ours, else to Foreign.
func (r *Remains) add(path string, recorded bool) error {
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
		if dir := filepath.Dir(path); filepath.Base(dir) == opencode.ToastFolder { // in case the record is lost
			r.folders = union(r.folders, dir)
		}
	case recorded && filepath.Base(path) != opencode.LockName: // OpenCode may have replaced our lock file
		r.Foreign = union(r.Foreign, path)
	}
	return nil
}

// Steps returns the steps of the removal, in order.
func (r *Remains) Steps() []Step {
	steps := []Step{}
	for _, path := range r.files {
		steps = append(steps, Step{Action: actionRemove, Path: path})
	}
	return steps
}

// Remove removes the files and the record. It also removes the folders that were created for them,
// if they are empty. It returns the steps that it completed.
func (r *Remains) Remove() ([]Step, error) {
	gone := []Step{}
	for _, path := range r.files {
		if err := os.Remove(path); err != nil {
			return gone, err
		}
		gone = append(gone, Step{Action: actionRemove, Path: path})
	}
	if r.record {
		_ = os.Remove(filepath.Join(r.places.State, opencode.NoticesName)) // the file may not exist, and only contains old notices
		if err := os.Remove(r.places.recordPath()); err != nil {
			return gone, err
		}
	}
	for _, dir := range slices.Backward(r.folders) {
		// os.Remove fails for a folder that is not empty.
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && os.Remove(dir) == nil {
			gone = append(gone, Step{Action: actionRemove, Path: dir})
		}
	}
	return gone, nil
}
