package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ocgo-key/internal/trust"
)

// getsName is a folder that has an empty file for each process that has called `get`. The file's
// name is the pid, and its time is that of the call. So a `get` that returns the same key again
// need not write the state.
const getsName = "gets"

func (f *File) getPath(pid int) string { return filepath.Join(f.dir, getsName, strconv.Itoa(pid)) }

// NoteGet records that the process called `get` at this time.
func (f *File) NoteGet(pid int, at time.Time) error {
	if err := trust.Folder(f.dir); err != nil {
		return err
	}
	path := f.getPath(pid)
	err := os.Chtimes(path, at, at)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|trust.NoFollow, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Chtimes(path, at, at))
}

// LastGet returns when a process with this pid last called `get`; zero if none has. An ended
// process may have had the same pid.
func (f *File) LastGet(pid int) time.Time {
	info, err := os.Lstat(f.getPath(pid))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// ForgetGets removes the records of processes that have ended.
func (f *File) ForgetGets(pids []int) {
	for _, pid := range pids {
		_ = os.Remove(f.getPath(pid)) // if this fails, the record does no harm
	}
}

// NoteGet is like File.NoteGet, without a file.
func (m *Memory) NoteGet(pid int, at time.Time) error {
	m.getsMu.Lock()
	defer m.getsMu.Unlock()
	if m.gets == nil {
		m.gets = map[int]time.Time{}
	}
	m.gets[pid] = at
	return nil
}

// LastGet is like File.LastGet, without a file.
func (m *Memory) LastGet(pid int) time.Time {
	m.getsMu.Lock()
	defer m.getsMu.Unlock()
	return m.gets[pid]
}

// ForgetGets is like File.ForgetGets, without files.
func (m *Memory) ForgetGets(pids []int) {
	m.getsMu.Lock()
	defer m.getsMu.Unlock()
	for _, pid := range pids {
		delete(m.gets, pid)
	}
}
