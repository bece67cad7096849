package cli

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

// folderPollInterval is the time between two checks of a folder that cannot be watched: it does not
// exist yet, or the system has no watches left.
const folderPollInterval = 5 * time.Second

// watchFolder sends a value after changes in the folder dir. Several changes may be sent as one.
func watchFolder(dir string) (changed <-chan struct{}, stop func()) {
	var (
		events chan fsnotify.Event
		lost   chan error // events were lost
		poll   <-chan time.Time
	)
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		if err = watcher.Add(dir); err != nil {
			_ = watcher.Close()
		}
	}
	if err == nil {
		events, lost = watcher.Events, watcher.Errors
	} else {
		poll = time.Tick(folderPollInterval)
	}
	notify, end := make(chan struct{}, 1), make(chan struct{})
	go func() {
		for {
			select {
			case event := <-events:
				if event.Op == fsnotify.Chmod {
					continue
				}
			case <-lost:
			case <-poll:
			case <-end:
				return
			}
			select {
			case notify <- struct{}{}:
			default:
			}
		}
	}()
	return notify, func() {
		close(end)
		if err == nil {
			_ = watcher.Close()
		}
	}
}
