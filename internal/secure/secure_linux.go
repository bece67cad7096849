package secure

import "golang.org/x/sys/unix"

func process() {
	if unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) != nil {
		cores.lower()
	}
}

func starting(start func() error) error { return cores.restoredFor(start) }
