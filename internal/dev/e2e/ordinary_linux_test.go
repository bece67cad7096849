package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ocgo-key/internal/process"
)

// programVariable holds the path of the program under test, when another user runs these tests
// again and cannot build the program.
const programVariable = "OCGO_KEY_E2E_PROGRAM"

// ordinary lists the tests whose result can differ for a user who is not root.
var ordinary = []string{"TestOthersCannotLook", "TestProcessesThatHideAreStillKnown", "TestKeysAreInTheKeychainAlone", "TestRunEndsAsItsCommandEnds",
	"TestSignalsReachTheCommandOnce", "TestNothingIsLeftBehind", "TestCrashesLeaveNoKey", "TestGitAsks"}

// root may read every process, so as root these tests would not notice hidden processes. They run
// once more as the user nobody.
func TestAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // all tests run as an ordinary user already
	}
	const nobody = 65534
	root, err := os.MkdirTemp("", "ocgo-key-ordinary-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(root)) })
	require.NoError(t, os.Chmod(root, 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	for name, from := range map[string]string{"tests": self, "ocgo-key": program} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, name), content, 0o755))
	}
	for _, dir := range []string{"home", "tmp"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o700))
		require.NoError(t, os.Chown(filepath.Join(root, dir), nobody, nobody))
	}
	tests := exec.Command(filepath.Join(root, "tests"), "-test.v", "-test.run", "^("+strings.Join(ordinary, "|")+")$")
	tests.Dir = filepath.Join(root, "tmp")
	tests.Env = append(os.Environ(), programVariable+"="+filepath.Join(root, "ocgo-key"), "TMPDIR="+filepath.Join(root, "tmp"),
		"HOME="+filepath.Join(root, "home"), "XDG_RUNTIME_DIR=", "DBUS_SESSION_BUS_ADDRESS=")
	tests.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL}
	out, err := tests.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range ordinary {
		assert.Contains(t, string(out), "\n--- PASS: "+name+" ", "it was not run")
	}
}

// serving starts a gateway.
func (of machine) serving() *command {
	w := of.w
	w.t.Helper()
	c := w.command("ocgo-key", "gateway")
	out, err := c.ownStdout()
	require.NoError(w.t, err)
	require.NoError(w.t, c.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(w.t, err)
	require.Contains(w.t, line, "base_url")
	return c
}

// ownStdout returns a pipe with the output, like StdoutPipe, instead of keeping the output.
func (c *command) ownStdout() (io.ReadCloser, error) {
	c.Stdout = nil
	return c.StdoutPipe()
}

// Another program of the same user cannot read the memory or the environment of ocgo-key's
// processes, and cannot attach a debugger.
func TestOthersCannotLook(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		return // root may do all that; see TestAsAnOrdinaryUser
	}
	w := newWorld(t)
	w.add("Work")
	gateway := w.serving()
	file := func(name string) string { return fmt.Sprintf("/proc/%d/%s", gateway.Process.Pid, name) }
	for _, name := range []string{"environ", "mem", "maps", "auxv"} {
		_, err := os.Open(file(name))
		assert.ErrorIs(t, err, os.ErrPermission, name)
	}
	for _, name := range []string{"fd", "map_files"} {
		_, err := os.ReadDir(file(name))
		assert.ErrorIs(t, err, os.ErrPermission, name)
	}
	_, err := os.Readlink(file("exe"))
	assert.ErrorIs(t, err, os.ErrPermission)
	// One thread does everything, because ptrace belongs to a thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	assert.ErrorIs(t, unix.PtraceAttach(gateway.Process.Pid), os.ErrPermission)
	assert.ErrorIs(t, unix.PtraceSeize(gateway.Process.Pid), os.ErrPermission)
	buffer := make([]byte, 8)
	_, err = unix.ProcessVMReadv(gateway.Process.Pid, []unix.Iovec{{Base: &buffer[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x10000, Len: 8}}, 0)
	assert.ErrorIs(t, err, os.ErrPermission)

	// As a control: on this machine the processes of other programs are readable.
	sleep := w.command("sleep", "60")
	require.NoError(t, sleep.Start())
	_, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", sleep.Process.Pid))
	assert.NoError(t, err)
	require.NoError(t, sleep.Process.Kill())
	sleep.end()

	require.NoError(t, gateway.Process.Signal(syscall.SIGTERM))
	gateway.end().ok()
}

// ocgo-key's processes can read what they need about each other: pid, start time, name and account.
func TestProcessesThatHideAreStillKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	gateway := w.serving()
	info, err := process.Lookup(gateway.Process.Pid)
	require.NoError(t, err)
	assert.Equal(t, "ocgo-key", info.Name)
	assert.Equal(t, []string{program, "gateway"}, info.Args)
	assert.True(t, process.Alive(info.PID, info.Start))
	assert.Equal(t, []int{info.PID}, w.held(), "its lease counts for others")
	assert.Equal(t, "Personal", *w.list().Next)
	// A `get` within a `run` gets a key for its nearest ancestor. Other ancestors are hidden.
	c := w.command("ocgo-key", "run", "--", "sh", "-c", "ocgo-key get; ocgo-key get").prints().run().ok()
	assert.Len(t, w.keysOf(c.stdout.String()), 2)
	w.gets([]string{"Work"}, "ocgo-key", "get", "--pid", fmt.Sprint(info.PID))

	require.NoError(t, gateway.Process.Kill())
	gateway.end()
	assert.False(t, process.Alive(info.PID, info.Start))
	assert.NotContains(t, w.held(), info.PID, "and ends with it")
}
