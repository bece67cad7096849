package wrapper

import "syscall"

// attributes are none: macOS has no way to end the command when we are killed. Its gateway is gone
// then, and its next request fails.
func attributes() *syscall.SysProcAttr { return nil }
