package process

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBelow(t *testing.T) {
	nodes := []node{{1, 0}, {2, 1}, {5, 4}, {4, 2}, {3, 1}, {6, 3}, {7, 7}}
	assert.Equal(t, []int{4, 5}, descendantPIDs(2, nodes))
	assert.Empty(t, descendantPIDs(5, nodes))
	assert.Empty(t, descendantPIDs(7, nodes), "a process that is its own parent has no descendants")
	assert.Equal(t, []int{2, 3, 4, 6, 5}, descendantPIDs(1, nodes))
}

func TestDescendants(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // Windows has no sleep program
	}
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var pids []int
	for _, p := range Descendants(os.Getpid()) {
		pids = append(pids, p.PID)
	}
	assert.Contains(t, pids, cmd.Process.Pid)
	assert.Equal(t, Session(os.Getpid()), Session(cmd.Process.Pid))
	assert.False(t, Stopped(cmd.Process.Pid))
}
