package wrapper_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/process"
)

// wrapped returns the wrapper around argv, or around this binary in a role.
func wrapped(t *testing.T, role string, argv ...string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	if role != "" {
		argv = []string{self}
	}
	cmd := exec.CommandContext(t.Context(), self, argv...)
	cmd.Env = append(os.Environ(), roleVariable+"=wrapper", "WRAPPER_TEST_CHILD="+role, "GORACE=atexit_sleep_ms=0")
	return cmd
}

func TestEveryExitCode(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		cmd := wrapped(t, "", "sh", "-c", fmt.Sprintf("exit %d", code))
		out, _ := cmd.CombinedOutput()
		assert.Equal(t, code, cmd.ProcessState.ExitCode())
		assert.Empty(t, string(out))
	}
}

func TestEveryFatalSignal(t *testing.T) {
	t.Parallel()
	harmless := map[syscall.Signal]bool{syscall.SIGCHLD: true, syscall.SIGCONT: true, syscall.SIGSTOP: true, syscall.SIGTSTP: true,
		syscall.SIGTTIN: true, syscall.SIGTTOU: true, syscall.SIGURG: true, syscall.SIGWINCH: true, 32: true, 33: true} // 32 and 33 are used by the C library
	for s := syscall.Signal(1); s <= 64; s++ {
		if harmless[s] {
			continue
		}
		cmd := wrapped(t, "", "sh", "-c", fmt.Sprintf("ulimit -c 0; kill -%d $$", s))
		out, _ := cmd.CombinedOutput()
		ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
		assert.True(t, ws.Signaled(), "%v: %v", s, cmd.ProcessState)
		assert.Equal(t, s, ws.Signal())
		assert.False(t, ws.CoreDump(), "%v left a core", s)
		assert.Empty(t, string(out), "%v: no stack trace", s)
	}
}

func TestCommandsThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("x"), 0o600))
	broken := filepath.Join(dir, "broken")
	require.NoError(t, os.WriteFile(broken, []byte("#!/nowhere/interpreter\n"), 0o700))
	for name, code := range map[string]int{"no-such-command-at-all": 127, filepath.Join(dir, "nothing"): 127, plain: 126, dir: 126, broken: 126} {
		cmd := wrapped(t, "", name)
		out, _ := cmd.CombinedOutput()
		assert.Equal(t, code, cmd.ProcessState.ExitCode(), name)
		assert.Contains(t, string(out), name)
	}
}

// terminal is the controlling side of a PTY, and the output so far.
type terminal struct {
	*os.File
	pid   int // the pid of the first process on it
	t     *testing.T
	shown bytes.Buffer
	got   chan []byte
}

func onTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	require.NoError(t, err)
	term := &terminal{File: f, pid: cmd.Process.Pid, t: t, got: make(chan []byte, 1000)}
	go func() {
		for {
			buf := make([]byte, 4096)
			n, err := f.Read(buf)
			if n > 0 {
				term.got <- buf[:n]
			}
			if err != nil {
				close(term.got)
				return
			}
		}
	}()
	t.Cleanup(func() { _ = f.Close() })
	return term
}

// expect waits until want appears after the text that the last expect found.
func (term *terminal) expect(want string) {
	term.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if i := bytes.Index(term.shown.Bytes(), []byte(want)); i >= 0 {
			term.shown.Next(i + len(want))
			return
		}
		select {
		case b, ok := <-term.got:
			if !ok {
				require.Contains(term.t, term.shown.String(), want, "the terminal was closed")
				return
			}
			term.shown.Write(b)
		case <-deadline:
			require.Contains(term.t, term.shown.String(), want)
		}
	}
}

func (term *terminal) send(s string) {
	_, err := term.WriteString(s)
	require.NoError(term.t, err)
}

func TestOneInterruptPerCtrlC(t *testing.T) {
	cmd := wrapped(t, "listen")
	term := onTerminal(t, cmd)
	term.expect("ready")
	for i := 1; i <= 3; i++ {
		term.send("\x03")
		term.expect(fmt.Sprintf("got interrupt %d", i))
	}
	term.send("\x1c")
	term.expect("got quit 1")
	term.send("sum\n")
	term.expect("sum: map[interrupt:3 quit:1]")
	term.send("end\n")
	require.NoError(t, cmd.Wait())
}

func TestResizeReachesTheCommandOnce(t *testing.T) {
	cmd := wrapped(t, "listen")
	term := onTerminal(t, cmd)
	term.expect("ready")
	require.NoError(t, pty.Setsize(term.File, &pty.Winsize{Rows: 50, Cols: 100}))
	term.expect("got window changed 1")
	term.send("sum\n")
	term.expect("sum: map[window changed:1]")
	term.send("end\n")
	require.NoError(t, cmd.Wait())
}

func TestSignalsToTheWrapperAlone(t *testing.T) {
	cmd := wrapped(t, "listen")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	term := &terminal{File: r, t: t, got: make(chan []byte, 100)}
	go func() {
		for {
			buf := make([]byte, 4096)
			n, err := r.Read(buf)
			if err != nil {
				close(term.got)
				return
			}
			term.got <- buf[:n]
		}
	}()
	term.expect("ready")
	for _, s := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGURG, syscall.SIGINT, syscall.SIGQUIT} {
		require.NoError(t, cmd.Process.Signal(s)) // must not be passed on
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		require.NoError(t, cmd.Process.Signal(s))
		term.expect(fmt.Sprintf("got %v 1", s))
	}
	_, err = in.Write([]byte("sum\n"))
	require.NoError(t, err)
	term.expect("sum: map[hangup:1 user defined signal 1:1 user defined signal 2:1 terminated:1]")
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
}

// shell starts bash with job control on a terminal; its command `w` runs the wrapper around this
// binary in a role.
func shell(t *testing.T, role string) *terminal {
	cmd := wrapped(t, role)
	self := cmd.Path
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "--norc", "--noprofile", "-i"}
	cmd.Env = append(os.Environ(), "PS1=prompt> ", "TERM=dumb", "HISTFILE=", "GORACE=atexit_sleep_ms=0")
	term := onTerminal(t, cmd)
	term.expect("prompt> ")
	term.send(fmt.Sprintf("w() { %s=wrapper WRAPPER_TEST_CHILD='%s' %s %s; }; stty -echo\n", roleVariable, role, self, self))
	term.expect("prompt> ")
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGHUP)
		_ = cmd.Wait()
	})
	return term
}

// allStopped waits until both the wrapper and the command are stopped: the shell waits only for the
// wrapper, and a command that has not stopped yet could read what is typed at the shell.
func (term *terminal) allStopped() {
	require.Eventually(term.t, func() bool {
		below := process.Descendants(term.pid)
		for _, p := range below {
			if !process.Stopped(p.PID) {
				return false
			}
		}
		return len(below) == 2
	}, 20*time.Second, time.Millisecond)
}

func TestCtrlZAndFg(t *testing.T) {
	term := shell(t, "listen")
	term.send("w\n")
	term.expect("ready")
	for range 2 {
		term.send("\x1a")
		term.expect("Stopped")
		term.expect("prompt> ")
		term.allStopped()
		term.send("echo the shell is $((6*7))\n")
		term.expect("the shell is 42")
		term.send("fg\n")
		term.expect("got continued 1")
		term.send("sum\n")
		term.expect("sum: map[continued:1]")
	}
	term.send("end\n")
	term.expect("prompt> ")
	term.send("echo code $?\n")
	term.expect("code 0")
}

func TestACommandThatStopsItselfStopsUsToo(t *testing.T) {
	term := shell(t, "stop itself")
	term.send("w\n")
	term.expect("stopping")
	term.expect("Stopped")
	term.send("fg\n")
	term.expect("going on")
	term.send("echo code $?\n")
	term.expect("code 0")
}

func TestModesAreRestoredAfterAKill(t *testing.T) {
	cmd := wrapped(t, "raw")
	far, near, err := pty.Open()
	require.NoError(t, err)
	defer far.Close()
	defer near.Close()
	before, err := unix.IoctlGetTermios(int(near.Fd()), unix.TCGETS)
	require.NoError(t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = near, near, near
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	_ = cmd.Run()
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	assert.Equal(t, syscall.SIGKILL, ws.Signal())
	after, err := unix.IoctlGetTermios(int(near.Fd()), unix.TCGETS)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	require.NoError(t, near.Close())
	shown, _ := io.ReadAll(far) // on a terminal the end of the input is an error
	assert.Contains(t, string(shown), "raw: <nil>", "the command changed the terminal's modes")
	assert.Contains(t, string(shown), "\x1b[?1049l", "the wrapper leaves the command's alternate screen")
}

func TestNothingIsLeftWhenTheWrapperIsKilled(t *testing.T) {
	cmd := wrapped(t, "", "sleep", "60")
	require.NoError(t, cmd.Start())
	var child process.Info
	require.Eventually(t, func() bool {
		for _, p := range process.Descendants(cmd.Process.Pid) {
			child = p
		}
		return child.Name == "sleep"
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	assert.Eventually(t, func() bool { return !process.Alive(child.PID, child.Start) }, 10*time.Second, 5*time.Millisecond)
}

// If the user ends the command while an order is stopping it, the order's next command is not
// started.
func TestASignalDuringAnOrderIsTheEnd(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	queue, starts := make(chan wrapper.Order), 0
	next := wrapper.Command{Argv: []string{"sh", "-c", "exit 7"}, Env: os.Environ()}
	status, ordered, err := wrapper.Run(wrapper.Command{
		Argv: []string{"sh", "-c", "trap 'kill -HUP " + fmt.Sprint(os.Getpid()) + "; sleep 0.2; exit 0' TERM; : >" + ready + "; while :; do sleep 0.05; done"}, Env: os.Environ(),
	}, wrapper.Options{Orders: queue, Started: func(int) {
		starts++
		go func() {
			for _, err := os.Stat(ready); err != nil; _, err = os.Stat(ready) {
				time.Sleep(time.Millisecond)
			}
			queue <- wrapper.Order{Next: &next}
		}()
	}})
	require.NoError(t, err)
	assert.True(t, ordered)
	assert.Equal(t, 1, starts)
	assert.Equal(t, syscall.SIGHUP, status.Signal)
}

func TestOrders(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready") // a command creates this file when it is ready
	run := func(first string, orders ...wrapper.Order) (wrapper.Status, bool, int) {
		queue := make(chan wrapper.Order)
		starts := 0
		status, ordered, err := wrapper.Run(wrapper.Command{Argv: []string{"sh", "-c", first}, Env: os.Environ()}, wrapper.Options{
			Orders: queue,
			Started: func(int) {
				starts++
				if len(orders) > 0 {
					next := orders[0]
					orders = orders[1:]
					go func() {
						for strings.Contains(first, ready) {
							if _, err := os.Stat(ready); err == nil {
								break
							}
							time.Sleep(time.Millisecond)
						}
						queue <- next
					}()
				}
			},
		})
		require.NoError(t, err)
		return status, ordered, starts
	}
	next := wrapper.Command{Argv: []string{"sh", "-c", "exit 7"}, Env: os.Environ()}
	status, ordered, starts := run("exec sleep 60", wrapper.Order{Next: &next})
	assert.Equal(t, wrapper.Status{Code: 7}, status)
	assert.False(t, ordered)
	assert.Equal(t, 2, starts)

	status, ordered, starts = run("exec sleep 60", wrapper.Order{})
	assert.Equal(t, syscall.SIGTERM, status.Signal)
	assert.True(t, ordered)
	assert.Equal(t, 1, starts)

	status, _, _ = run("trap '' TERM; : >"+ready+"; while :; do sleep 1; done", wrapper.Order{})
	assert.Equal(t, syscall.SIGKILL, status.Signal, "a command that ignores SIGTERM is killed")
}
