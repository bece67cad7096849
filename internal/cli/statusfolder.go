package cli

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

// lookEvery is the time between two looks at a folder that cannot be watched: one that is not there yet, or one
// on a system that has no watches left.
const lookEvery = 5 * time.Second

// watchFolder tells of changes in the folder dir, several at once as one.
func watchFolder(dir string) (changed <-chan struct{}, stop func()) {
	tell, end := make(chan struct{}, 1), make(chan struct{})
	say := func() {
		select {
		case tell <- struct{}{}:
		default:
		}
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		if err = watcher.Add(dir); err != nil {
			_ = watcher.Close()
		}
	}
	if err != nil {
		ticker := time.NewTicker(lookEvery)
		go func() {
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					say()
				case <-end:
					return
				}
			}
		}()
		return tell, func() { close(end) }
	}
	go func() {
		for {
			select {
			case event, ok := <-watcher.Events:
				if !ok {
					return
				}
				if event.Op != fsnotify.Chmod {
					say()
				}
			case _, ok := <-watcher.Errors:
				if !ok {
					return
				}
				say() // events were lost
			}
		}
	}()
	return tell, func() { _ = watcher.Close() }
}
