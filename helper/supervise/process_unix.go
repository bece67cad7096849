//go:build unix

package supervise

import (
	"os"
	"syscall"
)

// apart gives a server a session of its own, so that what is typed on the terminal does not reach
// it.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// ends are the signals that end a run.
var ends = []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP}
