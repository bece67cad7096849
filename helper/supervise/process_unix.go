//go:build unix

package supervise

import (
	"os"
	"syscall"
)

// detached puts a server into a new session, so that signals from the terminal do not reach it.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// endSignals are the signals that end a run.
var endSignals = []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP}
