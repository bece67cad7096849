package cli_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// openSecurity opens the keychain of macOS with a stand-in for the program security.
func openSecurity() keychain.Store {
	program, err := exec.LookPath("security")
	if err != nil {
		panic(err)
	}
	return keychain.NewMacOS(program)
}

// macos MODE gives the script a keychain of macOS: a stand-in for /usr/bin/security in this mode.
// See keychaintest.Security.
func macos(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: macos MODE")
	}
	dir := ts.Getenv(keychaintest.SecurityVariable)
	if dir == "" {
		var err error
		dir, err = os.MkdirTemp("", "ocgo-key-security-") // outside the searched folder, since the items contain the keys
		ts.Check(err)
		ts.Defer(func() { ts.Check(os.RemoveAll(dir)) })
		ts.Setenv(keychaintest.SecurityVariable, dir)
		ts.Setenv("MallocStackLogging", "1") // the stand-in must not get this variable
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "mode"), []byte(args[0]), 0o600))
}

// calls COMMAND... requires that security was called with these commands, in this order, since the
// last `calls`. No process of security may be left.
func calls(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.Getenv(keychaintest.SecurityVariable)
	if neg || dir == "" {
		ts.Fatalf("usage: calls [COMMAND...], after macos")
	}
	made, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		ts.Check(err)
	}
	got := strings.ReplaceAll(strings.TrimSpace(string(made)), "\n", " ")
	if got = strings.ReplaceAll(got, "-generic-password", ""); got != strings.Join(args, " ") {
		ts.Fatalf("security was called with [%s], want %v", got, args)
	}
	pids, err := os.ReadFile(filepath.Join(dir, "pids"))
	if err != nil && !os.IsNotExist(err) {
		ts.Check(err)
	}
	for _, line := range strings.Fields(string(pids)) {
		pid, err := strconv.Atoi(line)
		ts.Check(err)
		if syscall.Kill(pid, 0) == nil {
			ts.Fatalf("process %d of security is left", pid)
		}
	}
	_ = os.Remove(filepath.Join(dir, "calls"))
	_ = os.Remove(filepath.Join(dir, "pids"))
}

// storedInSecurity is the command stored for the keychain of macOS.
func storedInSecurity(ts *testscript.TestScript, neg bool, names []string) {
	items, err := keychaintest.SecurityItems(ts.Getenv(keychaintest.SecurityVariable), keychain.Service)
	ts.Check(err)
	for _, name := range names {
		want, holds := base64.StdEncoding.EncodeToString([]byte(scriptOf(ts).marker.Key(name))), false
		for _, item := range items {
			holds = holds || item == "go-keyring-base64:"+want
		}
		if holds == neg {
			ts.Fatalf("key %s in the keychain: %v", name, holds)
		}
	}
}
