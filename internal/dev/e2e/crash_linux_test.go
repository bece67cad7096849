package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/internal/fakeservice"
)

// crashing prepares a command with the largest core size that this user may set. At a crash its Go
// runtime prints and dumps as much as possible. A core is written to the project's folder, if the
// system writes it to the working folder.
func (of machine) crashing(name string, args ...string) *command {
	w := of.w
	args = append([]string{"-c", `ulimit -Sc "$(ulimit -Hc)"; exec "$0" "$@"`, name}, args...)
	return w.with("GOTRACEBACK=crash").command("sh", args...)
}

// inMemory reports whether the key is in the memory of the process, and whether that could be read.
func (of machine) inMemory(pid int, label string) (found, readable bool) {
	w := of.w
	w.t.Helper()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		require.ErrorIs(w.t, err, os.ErrPermission)
		return false, false
	}
	defer memory.Close()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(w.t, err)
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		part := make([]byte, min(to-from, 64<<20))
		n, _ := memory.ReadAt(part, from)
		if bytes.Contains(part[:n], []byte(w.marker.Key(label))) {
			return true, true
		}
	}
	return false, true
}

// crash is a command at a moment when it holds Work's key.
type crash struct {
	name    string
	start   func(w *world) *command // started
	signals []syscall.Signal
	survive syscall.Signal // a signal that does not end the command
}

var all = []syscall.Signal{syscall.SIGABRT, syscall.SIGQUIT, syscall.SIGSEGV}

var crashes = []crash{
	{"get", func(w *world) *command {
		// Nobody reads the output of get, so it blocks while it has the key in memory.
		r, out, err := os.Pipe()
		require.NoError(w.t, err)
		w.t.Cleanup(func() { _ = r.Close() })
		full := int(out.Fd())
		require.NoError(w.t, syscall.SetNonblock(full, true))
		for err == nil {
			_, err = syscall.Write(full, make([]byte, 1))
		}
		require.ErrorIs(w.t, err, syscall.EAGAIN)
		require.NoError(w.t, syscall.SetNonblock(full, false))
		c := w.crashing("ocgo-key", "get")
		c.Stdout = out
		require.NoError(w.t, c.Start())
		require.NoError(w.t, out.Close())
		require.Eventually(w.t, func() bool { return len(w.held()) == 1 }, patience, pause)
		return c
	}, all, 0},
	{"gateway", func(w *world) *command {
		c := w.crashing("ocgo-key", "gateway")
		r, out, err := os.Pipe()
		require.NoError(w.t, err)
		w.t.Cleanup(func() { _ = r.Close() })
		c.Stdout = out
		require.NoError(w.t, c.Start())
		require.NoError(w.t, out.Close())
		line, err := bufio.NewReader(r).ReadString('\n')
		require.NoError(w.t, err)
		require.Contains(w.t, line, "base_url")
		return c
	}, all, 0},
	{"run", func(w *world) *command {
		c := w.crashing("ocgo-key", "run", "--", "sh", "-c", "trap '' QUIT; echo >started; exec sleep 60")
		require.NoError(w.t, c.Start())
		require.Eventually(w.t, func() bool { _, err := os.Stat(w.project("started")); return err == nil }, patience, pause)
		return c
	}, all[:2], syscall.SIGQUIT}, // `run` ignores SIGQUIT: a terminal sends it to the command too
	{"replace", func(w *world) *command {
		// The command waits here: the service never answers the request that checks the key.
		asked := make(chan struct{}, 10)
		w.whileRequests(func() { asked <- struct{}{} })
		w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{Usage: fakeservice.Usage{Delay: -1}})
		c := w.crashing("ocgo-key", "replace", "Work").reads(w.marker.Key("Work") + "\n")
		require.NoError(w.t, c.Start())
		<-asked
		return c
	}, all, 0},
}

// ends maps each signal to the signals that may end the program. After a fault the runtime sends
// SIGQUIT, so that each thread prints its stack, and then SIGABRT.
var ends = map[syscall.Signal][]syscall.Signal{
	syscall.SIGABRT: {syscall.SIGABRT},
	syscall.SIGQUIT: {syscall.SIGQUIT},
	syscall.SIGSEGV: {syscall.SIGQUIT, syscall.SIGABRT},
}

// A program that crashes with a key in memory does not print the key and dumps no core. At SIGQUIT
// or SIGABRT it prints nothing at all. The output and the files are searched, as after every test.
func TestCrashesLeaveNoKey(t *testing.T) {
	t.Parallel()
	for _, crash := range crashes {
		for _, s := range crash.signals {
			t.Run(crash.name+" "+s.String(), func(t *testing.T) {
				w := newWorld(t)
				w.add("Work")
				c := crash.start(w)
				pid := c.Process.Pid
				if _, readable := w.inMemory(pid, "Work"); readable {
					require.Eventually(t, func() bool { found, _ := w.inMemory(pid, "Work"); return found }, patience, pause, "it holds no key")
				}
				require.NoError(t, c.Process.Signal(s))
				if s == crash.survive {
					require.NoError(t, c.Process.Signal(syscall.SIGTERM))
					assert.Equal(t, syscall.SIGTERM, c.end().signal())
				} else {
					assert.Contains(t, ends[s], c.end().signal(), c.ProcessState.String())
				}
				if s != syscall.SIGSEGV {
					assert.Empty(t, c.stderr.String())
				} else {
					assert.Contains(t, c.stderr.String(), "goroutine ", "a fault says where it was")
				}
				w.leaks(w.marker.Words("stderr of "+crash.name, c.stderr.Bytes()))
				assert.False(t, c.ProcessState.Sys().(syscall.WaitStatus).CoreDump())
				cores, err := filepath.Glob(w.project("*core*"))
				require.NoError(t, err)
				assert.Empty(t, cores)
				w.empty()
			})
		}
	}
}

// The search finds a key in a core: here in the core of a shell that has read a key and aborts.
func TestCoresAreSearched(t *testing.T) {
	t.Parallel()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	require.NoError(t, err)
	var caught []keyleak.Leak
	var dumped bool
	t.Run("a test", func(t *testing.T) {
		w := newWorld(t)
		w.leaks = func(leaks []keyleak.Leak) { caught = append(caught, leaks...) }
		c := w.crashing("sh", "-c", "read -r key; kill -ABRT $$").reads(w.marker.Key("Work") + "\n").run()
		require.Equal(t, syscall.SIGABRT, c.signal())
		dumped = c.ProcessState.Sys().(syscall.WaitStatus).CoreDump()
	})
	if !dumped || bytes.ContainsAny(pattern, "|/") {
		t.Logf("cores of this machine (pattern %q) do not fall where this test could look", bytes.TrimSpace(pattern))
		return
	}
	require.NotEmpty(t, caught)
	assert.Contains(t, caught[0].Where, "project/core")
}
