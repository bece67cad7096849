package secure

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// roleVariable selects what this test binary does when a test starts it again.
const roleVariable = "SECURE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "plain":
		abort()
	case "hidden":
		HideMemory()
		abort()
	case "lowered":
		coreLimit.lower()
		abort()
	case "told": // dumpable or not
		fmt.Println(dumpable())
	case "starter":
		HideMemory()
		tell()
	case "starter, lowered":
		coreLimit.lower()
		tell()
	}
	os.Exit(0)
}

func dumpable() int {
	state, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return -1
	}
	return state
}

// abort ends this process by SIGABRT, like the Go runtime with GOTRACEBACK=crash.
func abort() {
	debug.SetTraceback("crash")
	panic("on purpose")
}

// tell prints the limits of two commands that it starts, and then its own limits.
func tell() {
	for range 2 {
		err := WithUserLimits(func() error {
			cmd := exec.Command("sh", "-c", "ulimit -Sc; ulimit -Hc")
			cmd.Stdout = os.Stdout
			return cmd.Run()
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Println(err)
	}
	child := exec.Command(self)
	child.Env, child.Stdout = append(os.Environ(), roleVariable+"=told"), os.Stdout
	if err := WithUserLimits(child.Run); err != nil {
		fmt.Println(err)
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &now); err != nil {
		fmt.Println(err)
	}
	fmt.Println("ours:", dumpable(), now.Cur == 0)
}

// under returns a command that runs this binary in a role. `ulimit` with these arguments sets its
// limit of core dumps.
func under(t *testing.T, role, limits string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", limits+`; exec "$0"`, self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Dir = t.TempDir() // the system may write a core dump to this folder
	return cmd
}

// The kernel writes no core dump of a process that has called HideMemory, even if core dumps are
// piped to a program.
func TestNoCoreIsDumped(t *testing.T) {
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	require.NoError(t, err)
	for _, role := range []string{"plain", "hidden", "lowered"} {
		cmd := under(t, role, "ulimit -Sc $(ulimit -Hc)")
		_ = cmd.Run()
		ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
		require.Equal(t, syscall.SIGABRT, ws.Signal(), role)
		switch {
		case role == "plain":
			if !ws.CoreDump() {
				t.Log("this machine writes no core dumps at all, so the test shows little")
			}
			continue
		case role == "lowered" && pattern[0] == '|':
			continue // limits do not apply to core dumps that are piped to a program
		}
		assert.False(t, ws.CoreDump(), role)
		files, err := filepath.Glob(filepath.Join(cmd.Dir, "*"))
		require.NoError(t, err)
		assert.Empty(t, files, role)
	}
}

// A command is dumpable, and has the limits with which this process was started. HideMemory uses
// prctl or the limit; both are tested.
func TestCommandsHaveTheUsersLimits(t *testing.T) {
	for limits, want := range map[string]string{
		"ulimit -Sc 0; ulimit -Hc 4096":    "0\n4096\n",
		"ulimit -Hc 4096; ulimit -Sc 4096": "4096\n4096\n",
		"ulimit -Hc 4096; ulimit -Sc 1000": "1000\n4096\n",
		"ulimit -Sc 0; ulimit -Hc 0":       "0\n0\n",
	} {
		for role, ours := range map[string]string{"starter": "ours: 0 ", "starter, lowered": "ours: 1 true"} {
			out, err := under(t, role, limits).CombinedOutput()
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(out), want+want+"1\n"+ours), "%s, %s: %s", role, limits, out)
		}
	}
}

func TestStartingHandsOnTheError(t *testing.T) {
	wrong := errors.New("wrong")
	require.ErrorIs(t, WithUserLimits(func() error { return wrong }), wrong)
	var own limit
	require.ErrorIs(t, own.restoredFor(func() error { return wrong }), wrong)
}
