package wrapper

import "syscall"

// attributes makes the system send the command SIGTERM when we end, even if we are killed. On
// SIGTERM, unlike SIGKILL, the command can restore the terminal.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
