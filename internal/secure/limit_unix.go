//go:build linux || darwin

package secure

import (
	"sync"

	"golang.org/x/sys/unix"
)

// limit is the soft limit of the size of core dumps. The hard one is left alone, or a command could not have its own
// back.
type limit struct {
	mu      sync.Mutex
	before  unix.Rlimit // as we were started
	lowered bool
}

var coreLimit limit

func (l *limit) lower() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lowered || unix.Getrlimit(unix.RLIMIT_CORE, &l.before) != nil {
		return
	}
	now := l.before
	now.Cur = 0
	l.lowered = unix.Setrlimit(unix.RLIMIT_CORE, &now) == nil
}

// restoredFor puts the limit back while start runs. A command takes its limits over from us when it is started, and
// nothing can set them for it alone before it runs: until start returns, a core of ours could be written.
func (l *limit) restoredFor(start func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lowered && l.before.Cur > 0 {
		now := l.before
		now.Cur = 0
		if unix.Setrlimit(unix.RLIMIT_CORE, &l.before) == nil {
			defer func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &now) }()
		}
	}
	return start()
}
