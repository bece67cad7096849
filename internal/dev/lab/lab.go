// Package lab has the tools that bench and faults share: a temporary folder with a real keyring,
// and a description of the machine. It is for tests and measurements only.
package lab

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"ocgo-key/keychain/keychaintest"
)

// A Scratch is a temporary folder and an unlocked keyring. Close removes both.
type Scratch struct {
	Dir     string
	Keyring *keychaintest.Daemon
	closers []func() error
}

// Open creates the folder, whose name begins with prefix, and starts the keyring. The caller must
// call Close, even after an error.
func Open(prefix string) (*Scratch, error) {
	s := new(Scratch)
	var err error
	if s.Dir, err = os.MkdirTemp("", prefix); err != nil {
		return s, err
	}
	s.OnClose(func() error { return os.RemoveAll(s.Dir) })
	var stop func() error
	if s.Keyring, stop, err = keychaintest.Start(keychaintest.Unlocked); err != nil {
		return s, err
	}
	s.OnClose(stop)
	return s, nil
}

// OnClose makes Close call f before the functions that were added earlier.
func (s *Scratch) OnClose(f func() error) { s.closers = append(s.closers, f) }

// Close calls the functions of OnClose, the last one first.
func (s *Scratch) Close() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	s.closers = nil
	return errors.Join(errs...)
}

var prettyName = regexp.MustCompile(`(?m)^PRETTY_NAME="?([^"\n]*)`)

// Machine describes this machine in one line, without its name.
func Machine() string {
	system := runtime.GOOS
	release, _ := os.ReadFile("/etc/os-release") // some systems do not have this file
	if found := prettyName.FindSubmatch(release); found != nil {
		system = string(found[1])
	}
	return fmt.Sprintf("%d cores, %s, %s, %s", runtime.NumCPU(), system, runtime.GOARCH, strings.Replace(runtime.Version(), "go", "Go ", 1))
}
