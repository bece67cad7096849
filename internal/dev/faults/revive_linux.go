//go:build amd64 || arm64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// keyringPassword is the password of the keyrings of keychaintest.
const keyringPassword = "scratch-keyring"

// killKeyring kills the keyring's daemon, and waits until it is gone.
func (w *world) killKeyring() error {
	pid := w.Keyring.PIDs()[1] // the first process is the D-Bus daemon
	if w.revived != nil {
		pid = w.revived.Process.Pid
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the keyring: %w", err)
	}
	if w.ring != nil {
		_ = w.ring.close()
		w.ring = nil
	}
	if w.revived != nil {
		_ = w.revived.Wait()
		w.revived = nil
	}
	return nil
}

// reviveKeyring starts the daemon again on the same files and unlocks it, as a session does when
// its user logs in again.
func (w *world) reviveKeyring() error {
	sub := func(name string) string { return filepath.Join(w.Keyring.Dir, name) }
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")
	cmd.Dir, cmd.Stdin = w.Keyring.Dir, strings.NewReader(keyringPassword)
	cmd.Env = append(w.Keyring.Env(), "PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME="+sub("home"),
		"XDG_DATA_HOME="+sub("data"), "XDG_CONFIG_HOME="+sub("config"), "XDG_CACHE_HOME="+sub("cache"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.revived = cmd
	var err error
	for deadline := time.Now().Add(ringPatience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if w.ring, err = openRing(w.Keyring.Address); err != nil {
			continue
		}
		if _, err = w.ring.items(); err == nil && !w.ring.locked() {
			return nil
		}
		_ = w.ring.close()
		w.ring = nil
	}
	return fmt.Errorf("the keyring does not come back: %w", err)
}

func (w *world) endRevived() error {
	if w.revived != nil {
		_ = w.revived.Process.Kill()
		_ = w.revived.Wait() // the error says that it was killed
	}
	return nil
}
