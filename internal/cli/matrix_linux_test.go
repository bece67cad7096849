//go:build !check

package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain/keychaintest"
	"ocgo-key/rotation"
)

// matrixID is the id of the only account in the pool.
const matrixID = "0123456789abcdef"

// ring puts a new keychain into a state, and returns the environment in which programs find it.
type ring = func(t *testing.T, key string) []string

// TestKeychainMatrix checks the exit code and the message of `ocgo-key get` for each state of a
// Linux keychain. In every state `get` exits by itself, prints nothing but the key on stdout, and
// leaves no process behind.
func TestKeychainMatrix(t *testing.T) {
	t.Parallel() // together with other tests that wait
	for _, row := range []struct {
		state string
		ring  ring
		code  int
		says  string
	}{
		// There is no keychain.
		{"no bus", noBus, 5, "there is no D-Bus session bus"},
		{"a bus that is gone", busAt("unix:path=/no/such/bus"), 5, "the D-Bus session bus can't be reached"},
		{"an invalid address", busAt("nonsense"), 5, "the address of the D-Bus session bus is not valid"},
		{"a bus that never answers", silentBus, 6, "the D-Bus session bus does not answer within 7\\.\\ds"},
		{"a bus without a service", gnome(keychaintest.NoService), 5, "no keychain service is on the D-Bus session bus"},

		// gnome-keyring.
		{"gnome-keyring, unlocked", gnomeWithKey, 0, ""},
		{"gnome-keyring, without the key", gnome(keychaintest.Unlocked), 3, "no key is stored for this account"},
		{"gnome-keyring, fresh, without a collection", gnome(keychaintest.Fresh), 5, "the keychain service has no default keyring"},
		{"gnome-keyring, locked, no prompter", gnome(keychaintest.Locked), 4, "the keychain is locked"},
		{"gnome-keyring, locked, prompt dismissed", gnomePrompting(&keychaintest.Prompter{Dismiss: true}, nothing), 4, "the keychain is locked"},
		{"gnome-keyring, locked, prompt not answered", gnomePrompting(&keychaintest.Prompter{}, nothing), 6, "no answer within 7\\.\\ds"},
		{"gnome-keyring, killed while it prompts", gnomePrompting(&keychaintest.Prompter{}, kill), 5, "the keychain service ended during the call"},
		{"gnome-keyring, killed before", gnomeKilled, 5, "no keychain service is on the D-Bus session bus"},
		{"gnome-keyring, stopped", gnomeStopped, 6, "the keychain service does not answer within 7\\.\\ds"},

		// KeePassXC.
		{"KeePassXC, database open", keepassxc(keychaintest.Unlocked), 0, ""},
		{"KeePassXC, database locked", keepassxc(keychaintest.Locked), 6, "no answer within 7\\.\\ds"},

		// These faults cannot be produced with a real keychain.
		{"fake, never answers", fake(func(f *keychaintest.FakeService) { f.Before = late("Get", time.Hour) }), 6, "no answer within 7\\.\\ds"},
		{"fake, never answers GetSecret", fake(func(f *keychaintest.FakeService) { f.Before = late("GetSecret", time.Hour) }), 6, "no answer within 7\\.\\ds"},
		{"fake, answers late", fake(func(f *keychaintest.FakeService) { f.Before = late("GetSecret", 2*time.Second) }), 0, ""},
		{"fake, answers too late", fake(func(f *keychaintest.FakeService) { f.Before = late("GetSecret", 10*time.Second) }), 6, "no answer within 7\\.\\ds"},
		{"fake, dies during the prompt", fake(func(f *keychaintest.FakeService) { f.Open, f.OnPrompt = false, soon(f.Die) }), 5, "the keychain service ended during the call"},
		{"fake, dies in place of an answer", fake(func(f *keychaintest.FakeService) { f.Open, f.OnPrompt = false, f.Die }), 5, "the keychain service ended during the call"},
		{"fake, the bus dies during the prompt", busDies(soon), 1, "the keychain failed during the call"},
		{"fake, the bus dies in place of an answer", busDies(now), 1, "the D-Bus connection was lost during the call"},
		{"fake, a text where there should be keyrings", odd("Get", func(string, string) (dbus.Variant, *dbus.Error) {
			return dbus.MakeVariant("keyrings"), nil
		}), 1, "the keychain service sent an invalid answer"},
		{"fake, a number where there should be a path", odd("Unlock", func([]dbus.ObjectPath) (uint32, *dbus.Error) { return 7, nil }), 1, "the keychain service sent an invalid answer"},
		{"fake, nothing where there should be a path", odd("Unlock", func([]dbus.ObjectPath) *dbus.Error { return nil }), 1, "the keychain service sent an invalid answer"},
		{"fake, a text where there should be a secret", odd("GetSecret", func(dbus.ObjectPath) (string, *dbus.Error) { return "secret", nil }), 1, "the keychain service sent an invalid answer"},
		{"fake, a prompt with an invalid result", fake(func(f *keychaintest.FakeService) { f.Open, f.Completed = false, []any{"yes"} }), 1, "the keychain service sent an invalid answer"},
		{"fake, a prompt without a result", fake(func(f *keychaintest.FakeService) { f.Open, f.Completed = false, []any{} }), 1, "the keychain service sent an invalid answer"},
		{"fake, an empty secret", fake(func(f *keychaintest.FakeService) { f.Items[matrixID] = "" }), 1, "the key in the keychain is empty"},
		{"fake, says that it is locked", failing("org.freedesktop.Secret.Error.IsLocked"), 4, "the keychain is locked"},
		{"fake, denies access", failing("org.freedesktop.DBus.Error.AccessDenied"), 7, "the keychain service denied access"},
		{"fake, an unknown error", failing("org.example.Error.Full"), 1, "the keychain service failed with org.example.Error.Full"},
	} {
		t.Run(row.state, func(t *testing.T) {
			t.Parallel() // most of these tests wait
			key := keyleak.New().Key("one")
			env := row.ring(t, key)
			dir := t.TempDir()
			pool := rotation.Open(dir, func(message string) { t.Error(message) })
			require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: matrixID, Label: "Work"}))
			mark := "OCGO_KEY_MATRIX=" + dir
			got := getIn(t, append(env, mark, "OCGO_KEY_STATE_DIR="+dir, "OCGO_KEY_STORE=", "GORACE=atexit_sleep_ms=0"))
			t.Logf("%v", got.took.Round(time.Millisecond))
			assert.Equal(t, row.code, got.code, got.stderr)
			assert.Empty(t, environHas(t, mark), "processes left behind")
			if row.code == 0 {
				assert.True(t, got.stdout == key+"\n", "stdout must be the key and a newline")
				assert.Empty(t, got.stderr)
				return
			}
			assert.Empty(t, got.stdout)
			lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
			if assert.Len(t, lines, 2, got.stderr) {
				assert.Regexp(t, `^ocgo-key: .*\b`+row.says+`$`, lines[0])
				assert.Regexp(t, `^hint: .`, lines[1])
			}
			assert.NotContains(t, got.stderr, key)
			assert.NotRegexp(t, `panic|goroutine|\.go:`, got.stderr)
		})
	}
}

type outcome struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// hangs is the time after which a command counts as hanging.
const hangs = 30 * time.Second

// getIn runs `ocgo-key get` without a terminal.
func getIn(t *testing.T, env []string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangs)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "ocgo-key", "get")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if bus := fmt.Sprintf("/run/user/%d/bus", os.Getuid()); exists(bus) {
		// The command runs under another user id, since with the developer's user id it would find
		// the developer's bus.
		const nobody = 54321
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}
	}
	start := time.Now()
	_ = cmd.Run() // the exit code is checked below
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// environHas lists the processes with this NAME=VALUE in their environment.
func environHas(t *testing.T, pair string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var found []string
	for _, file := range files {
		if environ, err := os.ReadFile(file); err == nil && bytes.Contains(environ, []byte(pair+"\x00")) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

func noBus(*testing.T, string) []string {
	return []string{"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=", "DISPLAY=", "WAYLAND_DISPLAY="}
}

func busAt(address string) ring {
	return func(t *testing.T, key string) []string {
		return append(noBus(t, key), "DBUS_SESSION_BUS_ADDRESS="+address)
	}
}

// silentBus is a bus that accepts connections and never answers.
func silentBus(t *testing.T, key string) []string {
	dir, err := os.MkdirTemp("", "ocgo-key-silent-") // the path of a socket has to be short
	require.NoError(t, err)
	listener, err := net.Listen("unix", filepath.Join(dir, "bus"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = listener.Close()
		_ = os.RemoveAll(dir)
	})
	return busAt("unix:path="+filepath.Join(dir, "bus"))(t, key)
}

func gnome(mode keychaintest.Mode) ring {
	return func(t *testing.T, _ string) []string { return keychaintest.StartSecretService(t, mode).Env() }
}

func gnomeWithKey(t *testing.T, key string) []string {
	env := gnome(keychaintest.Unlocked)(t, key)
	store := exec.CommandContext(t.Context(), "secret-tool", "store", "--label=test", "service", "ocgo-key", "username", matrixID)
	store.Env, store.Stdin = append(os.Environ(), env...), strings.NewReader(key)
	out, err := store.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return env
}

func nothing(*testing.T, int) {}

// kill ends the keyring's daemon as a crash does.
func kill(t *testing.T, pid int) { assert.NoError(t, syscall.Kill(pid, syscall.SIGKILL)) }

// gnomePrompting is a locked keyring that prompts for its password. During the prompt it calls the
// function then with the process id of the daemon.
func gnomePrompting(p *keychaintest.Prompter, then func(*testing.T, int)) ring {
	return func(t *testing.T, _ string) []string {
		d := keychaintest.StartSecretService(t, keychaintest.Locked)
		asked := 0
		prompter := &keychaintest.Prompter{Dismiss: p.Dismiss, OnPrompt: func() { asked++; then(t, d.PIDs()[1]) }}
		t.Cleanup(func() { assert.Positive(t, asked, "the keyring must have prompted") })
		prompter.Serve(t, d.Address)
		return d.Env()
	}
}

func gnomeKilled(t *testing.T, _ string) []string {
	d := keychaintest.StartSecretService(t, keychaintest.Unlocked)
	kill(t, d.PIDs()[1])
	conn, err := dbus.Connect(d.Address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.Eventually(t, func() bool {
		var there bool
		err := conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.freedesktop.secrets").Store(&there)
		return err == nil && !there
	}, hangs, 10*time.Millisecond)
	return d.Env()
}

func gnomeStopped(t *testing.T, _ string) []string {
	d := keychaintest.StartSecretService(t, keychaintest.Unlocked)
	pid := d.PIDs()[1]
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	t.Cleanup(func() { assert.NoError(t, syscall.Kill(pid, syscall.SIGCONT)) })
	return d.Env()
}

func keepassxc(mode keychaintest.Mode) ring {
	return func(t *testing.T, key string) []string {
		return keychaintest.StartKeePassXC(t, mode, map[string]string{matrixID: key}).Env()
	}
}

// fake is a keychain service that returns the key. alter can change its behavior.
func fake(alter func(*keychaintest.FakeService)) ring {
	return func(t *testing.T, key string) []string {
		d := keychaintest.StartSecretService(t, keychaintest.NoService)
		f := &keychaintest.FakeService{Open: true, Items: map[string]string{matrixID: key}}
		alter(f)
		f.Serve(t, d.Address)
		return d.Env()
	}
}

func odd(method string, instead any) ring {
	return fake(func(f *keychaintest.FakeService) { f.Instead = map[string]any{method: instead} })
}

func failing(name string) ring {
	return fake(func(f *keychaintest.FakeService) {
		f.UnlockError = dbus.NewError(name, []any{"whatever " + strconv.Quote(name)})
	})
}

// late delays the answer to one D-Bus method.
func late(method string, by time.Duration) func(string) {
	return func(called string) {
		if called == method {
			time.Sleep(by) // the delay that is tested
		}
	}
}

// soon calls the function do after a quarter of a second, during the prompt. now calls it at once,
// before the answer.
func soon(do func()) func() { return func() { time.AfterFunc(time.Second/4, do) } }
func now(do func()) func()  { return do }

func busDies(when func(func()) func()) ring {
	return func(t *testing.T, key string) []string {
		d := keychaintest.StartSecretService(t, keychaintest.NoService)
		bus := d.PIDs()[0]
		f := &keychaintest.FakeService{Items: map[string]string{matrixID: key}, OnPrompt: when(func() { kill(t, bus) })}
		f.Serve(t, d.Address)
		return d.Env()
	}
}
