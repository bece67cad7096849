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

// This test binary is also the processes under test: what they are is in a variable.
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

// abort ends this process by SIGABRT, as the Go runtime does where GOTRACEBACK=crash asks for a
// core.
func abort() {
	debug.SetTraceback("crash")
	panic("on purpose")
}

// tell shows the limits of a command that is started here, twice, and ours afterwards.
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

// under is this binary in a role, with these limits of core dumps as `ulimit` takes them.
func under(t *testing.T, role, limits string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", limits+`; exec "$0"`, self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Dir = t.TempDir() // where a core may fall
	return cmd
}

// A core is dumped of a process that has not called HideMemory, and none of one that has. Where the
// kernel pipes cores to a program, that program is not started either.
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
				t.Log("this machine dumps no core of anything, so that it dumps none of us shows little")
			}
			continue
		case role == "lowered" && pattern[0] == '|':
			continue // such a program gets cores whatever the limit
		}
		assert.False(t, ws.CoreDump(), role)
		files, err := filepath.Glob(filepath.Join(cmd.Dir, "*"))
		require.NoError(t, err)
		assert.Empty(t, files, role)
	}
}

// A command has the limits that we were started with, and is dumpable as ever, however we keep from
// being dumped.
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
