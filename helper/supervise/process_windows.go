package supervise

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// apart gives a server a process group of its own, so that a Ctrl-C does not reach it, and no
// window.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}

// ends are the signals that end a run.
var ends = []os.Signal{os.Interrupt, syscall.SIGTERM}
