//go:build unix && !linux

package keychain

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// runAsGroup runs cmd in its own process group, and kills the whole group when cmd's context ends.
func runAsGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone
	}
	return cmd.Run()
}
