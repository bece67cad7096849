package keyleak

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// interval is the time between two searches of a running Watcher.
const interval = 40 * time.Millisecond

// procFiles are the files of a process that other programs of the same user can read.
var procFiles = []string{"environ", "cmdline"}

// The first reopenEvery reads of a file open it, and then every reopenEvery-th read. The other
// reads use the file that is still open. An open environ shows the memory of the time when it was
// opened. After an exec it is empty, and is opened again at once. But between fork and exec a
// process may share its parent's memory, which does not become empty.
const reopenEvery = 25

// A Watcher repeatedly searches the environment and the command line of processes for all watched
// markers. It searches its own process, and every readable process that started after the first
// call of Watch. Its zero value is ready to use.
type Watcher struct {
	mu       sync.Mutex
	watches  []*Watch
	old      map[string]bool // folders in /proc of processes that are older than the first call of Watch
	files    map[string]*procFile
	begun    int // the number of watches so far
	buffer   []byte
	stopping chan struct{}
	stopped  chan struct{}
}

// A Watch is the search for one marker.
type Watch struct {
	watcher *Watcher
	marker  *Marker
	leaks   []Leak
	looks   int // the number of searched files
	err     error
}

// A procFile is a file of a running process, and what was found in it last.
type procFile struct {
	file     *os.File // nil if it can't be opened
	reads    int
	text     []byte
	searched int // the watches that have searched the text: Watcher.begun at that time
}

// Watch starts a search for c that lasts until Stop.
func (w *Watcher) Watch(c *Marker) *Watch {
	one := &Watch{watcher: w, marker: c}
	w.mu.Lock()
	w.watches = append(w.watches, one)
	w.begun++
	if len(w.watches) == 1 {
		w.stopping, w.stopped = make(chan struct{}), make(chan struct{})
		w.old, w.files = map[string]bool{}, map[string]*procFile{}
		for _, process := range processes() {
			w.old[process] = filepath.Base(process) != strconv.Itoa(os.Getpid())
		}
		go w.poll(w.stopping, w.stopped)
	}
	w.mu.Unlock()
	w.Look()
	return one
}

// Stop searches once more, and returns the leaks. It returns an error if the process table could not
// be read.
func (o *Watch) Stop() ([]Leak, error) {
	w := o.watcher
	w.Look()
	w.mu.Lock()
	w.watches = slices.DeleteFunc(w.watches, func(other *Watch) bool { return other == o })
	last, stopping, stopped := len(w.watches) == 0, w.stopping, w.stopped
	if last {
		close(stopping)
		for _, f := range w.files {
			f.close()
		}
		w.files = nil
	}
	w.mu.Unlock()
	if last {
		<-stopped
	}
	if o.err == nil && o.looks == 0 {
		o.err = errors.New("no process could be read")
	}
	return o.leaks, o.err
}

func (w *Watcher) poll(stopping, stopped chan struct{}) {
	defer close(stopped)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Look()
		case <-stopping:
			return
		}
	}
}

// Look searches now, for every watched marker. A test calls it, for example, during a request, so
// that it also finds a process that ends soon.
func (w *Watcher) Look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.watches) == 0 {
		return
	}
	present := processes()
	if len(present) == 0 {
		for _, o := range w.watches {
			o.err = errors.New("the process table can't be read")
		}
	}
	// A new process may get the pid of an ended process.
	maps.DeleteFunc(w.old, func(process string, _ bool) bool { return !slices.Contains(present, process) })
	maps.DeleteFunc(w.files, func(path string, f *procFile) bool {
		ended := !slices.Contains(present, filepath.Dir(path))
		if ended {
			f.close()
		}
		return ended
	})
	for _, process := range present {
		if w.old[process] {
			continue
		}
		for _, name := range procFiles {
			w.search(process, filepath.Join(process, name))
		}
	}
}

// search searches one file of a process, unless it has been searched with the same content for the
// same watches.
func (w *Watcher) search(process, path string) {
	f := w.files[path]
	if f == nil {
		f = new(procFile)
		w.files[path] = f
	}
	text := f.read(path, &w.buffer)
	if len(text) == 0 { // the process has ended, or belongs to another user
		return
	}
	known := f.searched == w.begun && bytes.Equal(f.text, text)
	if !known {
		f.text, f.searched = append(f.text[:0], text...), w.begun
	}
	for _, o := range w.watches {
		o.looks++
		if known {
			continue
		}
		for _, leak := range o.marker.Text(path, text) {
			leak.Where += " of " + programOf(process)
			if !slices.Contains(o.leaks, leak) {
				o.leaks = append(o.leaks, leak)
			}
		}
	}
}

// read returns the content of the file, in the buffer.
func (f *procFile) read(path string, buffer *[]byte) []byte {
	f.reads++
	if f.file != nil && f.reads > reopenEvery && f.reads%reopenEvery != 0 {
		if text := f.content(buffer); len(text) > 0 {
			return text
		}
	}
	f.close()
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	f.file = file
	return f.content(buffer)
}

// content reads the open file from its beginning.
func (f *procFile) content(buffer *[]byte) []byte {
	for {
		n, err := f.file.ReadAt(*buffer, 0)
		if err != nil { // io.EOF, or the process has ended
			return (*buffer)[:n]
		}
		*buffer = make([]byte, 4096+2*len(*buffer))
	}
}

func (f *procFile) close() {
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
}

// processes returns the folder of each process.
func processes() []string {
	found, _ := filepath.Glob("/proc/[0-9]*") // Glob fails only for an invalid pattern
	return found
}

// programOf returns the name of a process. It does not return the arguments, since they may contain
// the leaked key.
func programOf(process string) string {
	name, _ := os.ReadFile(filepath.Join(process, "comm"))
	return strings.TrimSpace(string(name))
}
