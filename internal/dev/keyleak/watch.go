package keyleak

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// interval is the time between two searches of a running Watcher.
const interval = 40 * time.Millisecond

// procFiles are the files of a process that other programs of the same user can read.
var procFiles = []string{"environ", "cmdline"}

// A Watcher repeatedly searches the environment and the command line of every process on this
// machine that it may read, for all markers that are being watched. Its zero value is ready to use.
type Watcher struct {
	mu       sync.Mutex
	watches  []*Watch
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

// Look searches now, for every watched marker. A test calls it at a moment that matters, such as
// during a request, so that no process ends too quickly to be seen.
func (w *Watcher) Look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(processes) == 0 {
		err = fmt.Errorf("the process table can't be read: %w", errors.Join(err, os.ErrNotExist))
	}
	for _, o := range w.watches {
		o.err = errors.Join(o.err, err)
	}
	for _, process := range processes {
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

// programOf returns a process's name. Its arguments are not shown: they may be the leak.
func programOf(process string) string {
	name, _ := os.ReadFile(filepath.Join(process, "comm"))
	return strings.TrimSpace(string(name))
}
