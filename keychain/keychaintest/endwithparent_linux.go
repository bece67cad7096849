package keychaintest

import (
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel kill the child if the test process dies without cleaning up, for
// instance in a panic or a timeout of `go test`.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
