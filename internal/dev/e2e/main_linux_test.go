package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "ocgo-key/internal/cli" // makes a cached result of `go test` valid only for the same program
	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain/keychaintest"
)

// patience is the time limit for events that normally happen much sooner. It grows with the time
// that the machine needs for the start of a keychain service, up to five times.
var patience = 90 * time.Second

const (
	pause      = 50 * time.Millisecond  // the time between two checks of a condition
	usualStart = 200 * time.Millisecond // of a keychain service
)

var (
	program string               // the ocgo-key under test
	ring    *keychaintest.Daemon // the keychain of all tests; accounts have ids of their own
	watcher keyleak.Watcher
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		return // all of them need installed programs
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "end-to-end tests:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "ocgo-key-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if signal.Ignored(syscall.SIGHUP) { // under nohup; because it is caught here, it has its default effect in child processes
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	if program = os.Getenv(programVariable); program == "" {
		program = filepath.Join(dir, "ocgo-key")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, filepath.Join("..", "..", "..")).CombinedOutput(); err != nil {
			return 1, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	began := time.Now()
	daemon, stop, err := keychaintest.Start(keychaintest.Unlocked)
	if err != nil {
		return 1, err
	}
	patience = time.Duration(float64(patience) * min(max(float64(time.Since(began))/float64(usualStart), 1), 5))
	ring = daemon
	code = m.Run()
	return code, stop()
}
