package keychain

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// runAsGroup runs cmd in a process group of its own, and ends that as a whole
// when its context does: pass, say, is a shell script with gpg in it. Should we
// be ended ourselves, the kernel ends cmd.
func runAsGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone
	}
	// Pdeathsig counts from the end of the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
