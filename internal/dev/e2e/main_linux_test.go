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

	_ "ocgo-key/internal/cli" // so that `go test` does not reuse cached results after the program has changed
	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain/keychaintest"
)

// patience is the time limit for an event. Normally the event happens much sooner. On a busy or
// slow machine the limit is up to eight times as long.
var patience = 90 * time.Second

const (
	pause = 50 * time.Millisecond // the time between two checks of a condition
)

var (
	program string               // the ocgo-key under test
	ring    *keychaintest.Daemon // the keychain of all tests; their accounts have different ids
	watcher keyleak.Watcher
)

func TestMain(m *testing.M) {
	flag.Parse()
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
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) { // as under nohup; a signal that is caught here is not ignored in child processes
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	if program = os.Getenv(programVariable); program == "" {
		program = filepath.Join(dir, "ocgo-key")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, filepath.Join("..", "..", "..")).CombinedOutput(); err != nil {
			return 1, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	patience = time.Duration(float64(patience) * slowness())
	daemon, stop, err := keychaintest.Start(keychaintest.Unlocked)
	if err != nil {
		return 1, err
	}
	ring = daemon
	code = m.Run()
	return code, stop()
}

// slowness compares this machine with an idle one: how many times as long `opencode --version`
// takes. The result is between 1 and 8.
func slowness() float64 {
	const usual = time.Second
	began := time.Now()
	if exec.Command("opencode", "--version").Run() != nil {
		return 1 // the tests that need OpenCode report that it is missing
	}
	return min(max(float64(time.Since(began))/float64(usual), 1), 8)
}
