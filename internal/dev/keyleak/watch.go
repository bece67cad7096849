package keyleak

import (
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

// A Watcher repeatedly searches the environment and the command line of processes for all watched
// markers. It searches its own process, and every readable process that started after the first
// call of Watch. Its zero value is ready to use.
type Watcher struct {
	mu       sync.Mutex
	watches  []*Watch
	old      map[string]bool // folders in /proc of processes that are older than the first call of Watch
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

// Watch starts a search for c that lasts until Stop.
func (w *Watcher) Watch(c *Marker) *Watch {
	one := &Watch{watcher: w, marker: c}
	w.mu.Lock()
	w.watches = append(w.watches, one)
	if len(w.watches) == 1 {
		w.stopping, w.stopped = make(chan struct{}), make(chan struct{})
		w.old = map[string]bool{}
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
	present := processes()
	if len(present) == 0 {
		for _, o := range w.watches {
			o.err = errors.New("the process table can't be read")
		}
	}
	// A new process may get the pid of an ended process.
	maps.DeleteFunc(w.old, func(process string, _ bool) bool { return !slices.Contains(present, process) })
	for _, process := range present {
		if w.old[process] {
			continue
		}
		for _, file := range procFiles {
			path := filepath.Join(process, file)
			text, err := os.ReadFile(path) // the process has ended, or belongs to another user
			if err != nil || len(text) == 0 {
				continue
			}
			for _, o := range w.watches {
				o.looks++
				for _, leak := range o.marker.Text(path, text) {
					leak.Where += " of " + programOf(process)
					if !slices.Contains(o.leaks, leak) {
						o.leaks = append(o.leaks, leak)
					}
				}
			}
		}
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
