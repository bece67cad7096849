package keychaintest

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel end the child when the test process dies
// without its clean-up, as on a panic or a time-out of `go test`.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
