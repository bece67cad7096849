// Command winetest tests the Windows build on Linux under Wine: the key store on Credential
// Manager, the start and stop of commands, replacing files, the state, and the program itself. It
// is for `make test-wine`, and fails if Wine is missing.
//
// It checks our calls, their sizes and their errors as far as Wine implements them. It does not
// cover the sessions, policies, vaults and consoles of Windows itself.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// suites are the packages whose tests run.
var suites = []struct {
	folder string
	skip   string // tests that need something that Wine lacks; all others run
	must   string // this test must run, so that a suite without tests does not pass
}{
	{"keychain", "^TestFile", "TestOSConformsOnCredentialManager"}, // links
	{"helper/wrapper", "^$", "TestArgumentsPastABatchFile"},
	// Wine cannot replace an open file, and the readers of this test never pause.
	{"internal/atomicfile", "^TestReadersSeeWholeVersions$", "TestOpenWhileReplaced"},
	{"rotation/state", "^$", "TestRoundTripAndModes"},
}

// limit is the time limit of the whole run, which takes a few minutes.
const limit = 10 * time.Minute

func main() {
	dir := flag.String("dir", ".cache/wine", "the folder for Wine's files and what is built")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := run(ctx, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "winetest:", err)
		os.Exit(1)
	}
}

type machine struct {
	ctx    context.Context
	prefix string
}

func run(ctx context.Context, dir string) (err error) {
	for _, name := range []string{"wine", "wineserver"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%s is missing: install the Debian packages wine and wine64", name)
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	m := &machine{ctx, filepath.Join(dir, "prefix")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := m.boot(); err != nil {
		return err
	}
	defer m.wine("wineserver", "", "--kill") // this fails if Wine has already ended
	program := filepath.Join(dir, "ocgo-key.exe")
	if err := m.build("build", "-trimpath", "-o", program, "."); err != nil {
		return err
	}
	for _, s := range suites {
		tests := filepath.Join(dir, strings.ReplaceAll(s.folder, "/", "-")+".test.exe")
		if err := m.build("test", "-c", "-o", tests, "./"+s.folder); err != nil {
			return err
		}
		suite := m.wine("wine", "", tests, "-test.v", "-test.skip", s.skip)
		ended, err := judge(suite.stdout, s.must)
		if err != nil {
			return fmt.Errorf("the tests of %s: %w\n%s%s", s.folder, errors.Join(err, m.ctx.Err()), suite.stdout, suite.stderr)
		}
		fmt.Printf("%s under Wine: %d tests passed\n", s.folder, ended)
	}
	return m.useIt(program)
}

var (
	// harmless matches two kinds of lines: the error of Wine 8 when a test removes its folder, and
	// the success message of a test with random input. A test that prints only this error has not
	// failed.
	harmless = regexp.MustCompile(`(?m)^ +(?:testing\.go:\d+: TempDir RemoveAll cleanup: .*: Invalid function\.|\w+\.go:\d+: \[rapid\] OK, .*)\r?\n`)
	failed   = regexp.MustCompile(`(?m)^ +[\w.]+\.go:\d+: |^panic: |^fatal error: `)
	over     = regexp.MustCompile(`(?m)^(?:PASS|FAIL)\r?$`)
)

// judge returns the number of tests that ended. It returns an error if a test failed, or if the
// test that must run did not run.
func judge(output, must string) (ended int, err error) {
	output = harmless.ReplaceAllString(output, "")
	switch {
	case failed.MatchString(output):
		return 0, errors.New("not all passed")
	case !over.MatchString(output):
		return 0, errors.New("they did not come to their end")
	case !strings.Contains(output, "--- PASS: "+must+" ") && !strings.Contains(output, "--- FAIL: "+must+" "):
		return 0, errors.New(must + " did not run")
	}
	return strings.Count(output, "--- PASS") + strings.Count(output, "--- FAIL"), nil
}

// boot creates Wine's folder, with the DLLs that Go programs need.
func (m *machine) boot() error {
	system := filepath.Join(m.prefix, "drive_c", "windows", "system32")
	if _, err := os.Stat(filepath.Join(system, "kernel32.dll")); err != nil {
		if boot := m.wine("wine", "", "wineboot", "--init"); boot.err != nil {
			return fmt.Errorf("wineboot: %w: %s", boot.err, boot.stderr)
		}
	}
	path := filepath.Join(system, "bcryptprimitives.dll")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return os.WriteFile(path, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o600)
}

func (m *machine) build(args ...string) error {
	cmd := exec.CommandContext(m.ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

type result struct {
	stdout, stderr string
	code           int
	err            error
}

func (m *machine) wine(program, stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(m.ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.Env = append(os.Environ(), "WINEPREFIX="+m.prefix, "WINEDEBUG=-all", "DISPLAY=", "WAYLAND_DISPLAY=",
		`OCGO_KEY_STATE_DIR=C:\state`, "OCGO_KEY_STORE=", "OCGO_KEY_AGENT_SHELL=", "OCGO_KEY_GATEWAY=")
	cmd.WaitDelay = 10 * time.Second // Wine's own processes may keep the pipes open
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), err}
}

// useIt runs the commands of the program as a user would.
func (m *machine) useIt(program string) error {
	if err := os.RemoveAll(filepath.Join(m.prefix, "drive_c", "state")); err != nil {
		return err
	}
	largest := strings.Repeat("k", 2560)
	for _, step := range []struct {
		stdin string
		args  string
		code  int
		says  string // the expected text on stdout, or on stderr after an error
	}{
		{"", "get", 3, "there is no account"},
		{"key-of-work\r\n", "add Work --no-verify", 0, ""},
		{"key-of-work\n", "add Again --no-verify", 9, "already there, as Work"},
		{largest + "k", "add Large --no-verify", 8, "larger than the 2560 bytes"},
		{"", "get", 0, "key-of-work\n"},
		{largest, "replace Work --no-verify", 0, ""},
		{"", "get", 0, largest + "\n"},
		{"", "remove Work --yes", 0, ""},
		{"", "get", 3, "there is no account"},
	} {
		// It runs through cmd: a process that Wine starts directly has no parent that could be the
		// caller.
		got := m.wine("wine", step.stdin, append([]string{"cmd", "/c", program}, strings.Fields(step.args)...)...)
		right := got.code == step.code
		if step.code == 0 {
			right = right && (step.says == "" || got.stdout == step.says)
		} else {
			right = right && got.stdout == "" && strings.Contains(got.stderr, step.says)
		}
		if !right {
			return fmt.Errorf("ocgo-key %s: exit code %d, want %d: %q, %s", step.args, got.code, step.code, got.stdout, got.stderr)
		}
	}
	fmt.Println("ocgo-key.exe under Wine: added, read, replaced and removed keys, of 2560 bytes at most")
	return nil
}
