//go:build unix

package keychain

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// runAsGroup runs cmd in its own process group, and kills the whole group when cmd's context ends.
// This also ends the programs that cmd started: pass, for example, is a shell script that runs gpg.
// On Linux, the kernel also kills cmd if this process dies.
func runAsGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = groupLeader()
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone
	}
	// Linux sends Pdeathsig when the thread that started cmd ends, so this thread must not end
	// before cmd.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
