package wrapper

import "syscall"

// attributes makes Linux send SIGTERM to the command when this process ends, even if it is killed.
// After SIGTERM, unlike SIGKILL, the command can restore the terminal.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
