package keychaintest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// A Mode is the state in which a Secret Service starts.
type Mode int

// The modes.
const (
	Unlocked  Mode = iota // an unlocked default keyring
	Locked                // a locked default keyring, and no prompter to ask for its password
	Fresh                 // a service without any default keyring
	NoService             // a bus on which no keychain service runs or can be started
)

// String returns the mode in words.
func (m Mode) String() string {
	names := []string{"unlocked", "locked", "fresh", "no service"}
	if m < 0 || int(m) >= len(names) {
		return fmt.Sprintf("mode %d", int(m))
	}
	return names[m]
}

// startBudget limits a start or a stop; both take about 0.1 s.
const startBudget = 20 * time.Second

// password is the password of every keyring that this package creates.
const password = "scratch-keyring"

// A Daemon is a private D-Bus with a real gnome-keyring; in the mode NoService, without it. Both
// end with the test.
type Daemon struct {
	// Address of the bus, for DBUS_SESSION_BUS_ADDRESS.
	Address string
	// Dir is the scratch folder of both processes. Only the encrypted keyrings in data/keyrings may
	// contain keys.
	Dir string

	processes []*process // in the order of their start
}

// StartSecretService starts a Daemon for the duration of the test. If that fails, the test fails.
//
// godbus keeps one session bus per process. So a test binary can use only one Daemon; tests that
// need another Daemon start child processes.
func StartSecretService(t testing.TB, mode Mode) *Daemon {
	t.Helper()
	d, stop, err := Start(mode)
	if err != nil {
		t.Fatalf("secret service (%s): %v", mode, err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("secret service (%s): %v", mode, err)
		}
	})
	return d
}

// Start is like StartSecretService, for a TestMain. The caller must call stop at least once.
func Start(mode Mode) (d *Daemon, stop func() error, err error) {
	programs := []struct{ name, debian string }{{"dbus-daemon", "dbus"}}
	if mode != NoService {
		programs = append(programs, struct{ name, debian string }{"gnome-keyring-daemon", "gnome-keyring"})
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			return nil, nil, fmt.Errorf("%s is missing: install the Debian package %s", p.name, p.debian)
		}
	}
	dir, err := scratch()
	if err != nil {
		return nil, nil, err
	}
	d = &Daemon{Dir: dir}
	if err := d.start(mode); err != nil {
		return nil, nil, errors.Join(err, d.Stop())
	}
	return d, d.Stop, nil
}

// scratch creates a folder with a short path. The path of a socket has at most 107 bytes, and a
// test's temporary folder may be longer.
func scratch() (string, error) {
	parent := os.TempDir()
	if len(parent) > 60 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "ocgo-key-secrets-")
	if err != nil {
		return "", err
	}
	for _, sub := range []string{"home", "data", "config", "cache", "run"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// Env returns the environment variables that a client of the service needs. The caller adds others,
// such as HOME and state folders. DISPLAY and WAYLAND_DISPLAY are empty, so that a test can't open
// a window on a developer's screen.
func (d *Daemon) Env() []string {
	return []string{
		"DBUS_SESSION_BUS_ADDRESS=" + d.Address,
		"XDG_RUNTIME_DIR=" + filepath.Join(d.Dir, "run"),
		"DISPLAY=",
		"WAYLAND_DISPLAY=",
	}
}

// PIDs returns the ids of the started processes, the bus first.
func (d *Daemon) PIDs() []int {
	var pids []int
	for _, p := range d.processes {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}

// Lock locks the default keyring, like an idle desktop.
func (d *Daemon) Lock() error {
	return d.LockKeyring(loginKeyring)
}

// Stop ends both processes and removes the folder. It may be called more than once, but not
// concurrently.
func (d *Daemon) Stop() error {
	var errs []error
	for len(d.processes) > 0 {
		last := len(d.processes) - 1
		errs = append(errs, d.processes[last].stop())
		d.processes = d.processes[:last]
	}
	return errors.Join(append(errs, os.RemoveAll(d.Dir))...)
}

func (d *Daemon) start(mode Mode) error {
	if err := d.startBus(); err != nil {
		return err
	}
	if mode == NoService {
		return nil
	}
	args, stdin, want := []string{"--foreground", "--components=secrets"}, "", "none"
	if mode != Fresh {
		args, stdin, want = append(args, "--unlock"), password, "open"
	}
	keyring, err := startProcess(d.command("gnome-keyring-daemon", args, stdin))
	if err != nil {
		return err
	}
	d.processes = append(d.processes, keyring)
	return d.ask(func(s *secrets) error {
		err := s.await(keyring, want)
		if err == nil && mode == Locked {
			err = s.lock(loginKeyring)
		}
		return err
	})
}

// The bus has no service folders, so it cannot start services.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

func (d *Daemon) startBus() error {
	var path bytes.Buffer
	socket := dbus.EscapeBusAddressValue(filepath.Join(d.Dir, "bus"))
	if err := xml.EscapeText(&path, []byte(socket)); err != nil {
		return err
	}
	config := filepath.Join(d.Dir, "bus.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, path.String()), 0o600); err != nil {
		return err
	}
	cmd := d.command("dbus-daemon", []string{"--config-file=" + config, "--nofork", "--print-address=1"}, "")
	address := newFirstLine()
	cmd.Stdout = address
	bus, err := startProcess(cmd)
	if err != nil {
		return err
	}
	d.processes = append(d.processes, bus)
	timeout := time.NewTimer(startBudget)
	defer timeout.Stop()
	select {
	case d.Address = <-address.line:
		return nil
	case <-bus.ended:
		return bus.failure("ended before it listened")
	case <-timeout.C:
		return bus.failure("did not print its address")
	}
}

func (d *Daemon) command(name string, args []string, stdin string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = d.Dir
	cmd.Stdin = strings.NewReader(stdin)
	// The environment has no variables of the caller's session, such as its bus and folders.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"LC_ALL=C.UTF-8",
		"HOME=" + filepath.Join(d.Dir, "home"),
		"XDG_DATA_HOME=" + filepath.Join(d.Dir, "data"),
		"XDG_CONFIG_HOME=" + filepath.Join(d.Dir, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(d.Dir, "cache"),
		"XDG_RUNTIME_DIR=" + filepath.Join(d.Dir, "run"),
		"DBUS_SESSION_BUS_ADDRESS=" + d.Address,
	}
	return cmd
}

// A process is a child process with its stderr and a channel that is closed when it ends.
type process struct {
	cmd         *exec.Cmd
	stderr      *bytes.Buffer // read it only after ended is closed
	ended       chan struct{}
	ignoresTerm bool // SIGTERM does not end it
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, stderr: &bytes.Buffer{}, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
	// Wait must return even if a daemon keeps its pipes open.
	cmd.WaitDelay = startBudget
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) failure(what string) error {
	text := ""
	select {
	case <-p.ended:
		text = ": " + strings.TrimSpace(p.stderr.String())
	default:
	}
	return fmt.Errorf("%s (pid %d) %s%s", filepath.Base(p.cmd.Path), p.cmd.Process.Pid, what, text)
}

func (p *process) stop() error {
	if p.ignoresTerm {
		_ = p.cmd.Process.Kill()
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	for _, last := range []func() error{p.cmd.Process.Kill, nil} {
		timeout := time.NewTimer(startBudget / 4)
		select {
		case <-p.ended:
			timeout.Stop()
			return nil
		case <-timeout.C:
			if last != nil {
				_ = last()
			}
		}
	}
	return p.failure("does not end")
}

// A firstLine sends the first line written to it on a channel, and drops the rest.
type firstLine struct {
	buffer []byte
	line   chan string
	done   bool
}

func newFirstLine() *firstLine { return &firstLine{line: make(chan string, 1)} }

func (f *firstLine) Write(p []byte) (int, error) {
	if !f.done {
		f.buffer = append(f.buffer, p...)
		if line, _, found := bytes.Cut(f.buffer, []byte("\n")); found {
			f.done = true
			f.line <- string(line)
		}
	}
	return len(p), nil
}
