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

// interval between two looks that nobody asked for.
const interval = 40 * time.Millisecond

// procFiles of a process are what other programs of the same user can read of it.
var procFiles = []string{"environ", "cmdline"}

// A Watcher looks again and again at the environment and the command line of every process of this
// machine that it may read, for as many canaries as there are at the time. Its zero value is ready.
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
	looks   int // how often something was looked at
	err     error
}

// Watch looks for c from now on, until Stop.
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

// Stop looks once more, and returns what was found. It fails where the process table could not be
// read.
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
		o.err = errors.New("no process was looked at")
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

// Look looks now, for every marker that is watched for. A test calls it at a moment that matters,
// while a request is under way for instance, so that no process is too quick for it.
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
			text, err := os.ReadFile(path) // one that has ended, or is another user's, shows nothing
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

// programOf is a process's name. Its arguments are not shown: they may be the leak.
func programOf(process string) string {
	name, _ := os.ReadFile(filepath.Join(process, "comm"))
	return strings.TrimSpace(string(name))
}
