package supervise

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// detached puts a server into a new process group without a window, so that Ctrl-C does not reach
// it.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}

// endSignals are the signals that end a run.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}
