package wrapper

import "syscall"

// attributes ends the command with us, even when we are killed: SIGTERM, so that it can put the
// terminal right.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
