package wrapper

import "syscall"

// attributes returns nil: macOS cannot end the command when this process is killed. The gateway
// ends then, and the command's next request fails.
func attributes() *syscall.SysProcAttr { return nil }
