package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/cli"
	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// TestMain makes this test binary act as three programs: `ocgo-key`, the password manager `pass`,
// and `ask`, a client of the Go service.
func TestMain(m *testing.M) {
	// By default, a program built with the race detector sleeps for a second before it exits.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")); err != nil {
		panic(err)
	}
	testscript.Main(rings{m}, map[string]func(){
		"ocgo-key": func() {
			if os.Getenv(keychaintest.SecurityVariable) != "" {
				accounts.OpenOS = openSecurity
			} else if dir := os.Getenv(folderVariable); dir != "" {
				accounts.OpenOS = func() keychain.Store { return openFolder(dir) }
			}
			os.Exit(cli.Main(os.Args[1:]))
		},
		"pass":     func() { os.Exit(pass(os.Args[1:])) },
		"ask":      func() { os.Exit(ask(os.Args[1:])) },
		"security": func() { os.Exit(keychaintest.Security(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// rings runs the tests, and then stops the keychains that they started.
type rings struct{ *testing.M }

func (r rings) Run() int {
	code := r.M.Run()
	keychains.Lock()
	defer keychains.Unlock()
	for _, d := range keychains.started {
		if err := d.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "script tests:", err)
			code = 1
		}
	}
	return code
}

var keychains struct {
	sync.Mutex
	started map[keychaintest.Mode]*keychaintest.Daemon
}

// keychainIn returns a real keychain service in this state. All scripts can share it, since their
// accounts have different ids.
func keychainIn(mode keychaintest.Mode) (*keychaintest.Daemon, error) {
	keychains.Lock()
	defer keychains.Unlock()
	if d := keychains.started[mode]; d != nil {
		return d, nil
	}
	d, _, err := keychaintest.Start(mode)
	if err != nil {
		return nil, err
	}
	if keychains.started == nil {
		keychains.started = map[keychaintest.Mode]*keychaintest.Daemon{}
	}
	keychains.started[mode] = d
	return d, nil
}

// folderVariable names a folder that the program uses as the OS keychain. It is set with the build
// tag check, for machines without a keychain service.
const folderVariable = "OCGO_KEY_TEST_FOLDER"

// folder is a file store that has the name of the OS keychain.
type folder struct{ keychain.Store }

func (folder) Name() string { return accounts.OSStore }

func openFolder(dir string) folder {
	return folder{keychain.NewFile(keychain.FileConfig{Dir: dir, Identity: filepath.Join(dir, "identity")})}
}

// newFolder returns a Daemon without a process, for a folder that replaces the keychain.
func newFolder() (*keychaintest.Daemon, error) {
	dir, err := os.MkdirTemp("", "ocgo-key-folder-")
	if err != nil {
		return nil, err
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return &keychaintest.Daemon{Address: "unix:path=" + dir + "/none", Dir: dir},
		os.WriteFile(filepath.Join(dir, "identity"), []byte(identity.String()+"\n"), 0o600)
}

// watcher looks at the processes of all scripts.
var watcher keyleak.Watcher

// pass is a password manager: `pass show NAME` prints a stored password.
func pass(args []string) int {
	if len(args) != 2 || args[0] != "show" {
		fmt.Fprintln(os.Stderr, "usage: pass show NAME")
		return 2
	}
	key, err := os.ReadFile(filepath.Join(os.Getenv("PASS_DIR"), args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = os.Stdout.Write(append(key, '\n'))
	return 0
}

// binDir returns the folder with the programs of TestMain.
func binDir() (string, error) {
	path, err := exec.LookPath("ocgo-key")
	return filepath.Dir(path), err
}
