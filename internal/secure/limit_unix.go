//go:build linux || darwin

package secure

import (
	"sync"

	"golang.org/x/sys/unix"
)

// limit is the soft limit of the size of core dumps. The hard limit stays unchanged: after lowering
// it, the user's soft limit could not be restored for a command.
type limit struct {
	mu      sync.Mutex
	before  unix.Rlimit // the limit with which this process was started
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

// restoredFor restores the user's limit while start runs. A command inherits the limits of this
// process, and Go cannot set limits for the command alone. So a core of this process could be
// written until start returns.
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
