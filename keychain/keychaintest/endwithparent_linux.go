package keychaintest

import (
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel kill the child when the test process dies without cleaning up, as
// on a panic or a timeout of `go test`.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
