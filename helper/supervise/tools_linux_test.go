package supervise

import (
	"bufio"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A restart waits for the commands of OpenCode's tools, which have sessions of their own, and for
// no other process of OpenCode.
func TestARestartWaitsForTools(t *testing.T) {
	t.Parallel()
	// The shell stands for OpenCode: it has a helper in its own session, and a tool's command, which
	// ends a while after the first line of stdin.
	opencode := exec.Command("sh", "-c", `exec 3<&0; sleep 600 & helper=$!
		setsid sh -c 'echo up; read -r _ <&3; sleep 0.5' & wait $!; echo ended; read -r _; kill $helper`)
	stdin, err := opencode.StdinPipe()
	require.NoError(t, err)
	stdout, err := opencode.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, opencode.Start())
	says := bufio.NewReader(stdout)
	line, err := says.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "up\n", line)

	require.Len(t, toolsOf(opencode.Process.Pid), 1, "the helper is none")
	_, err = stdin.Write([]byte("end\n"))
	require.NoError(t, err)
	assert.Empty(t, awaitTools(opencode.Process.Pid))
	line, err = says.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ended\n", line, "the tool's command has ended by then")
	require.NoError(t, stdin.Close())
	require.NoError(t, opencode.Wait())
}
