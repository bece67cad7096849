//go:build !check

package opencode

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/paths"
)

// packaged writes the npm package into the stage's folder. If program is true, it also writes the
// package of this system, with the stage's program.
func (s *stage) packaged(program bool) {
	s.t.Helper()
	for name, content := range PackageFiles() {
		require.NoError(s.t, os.WriteFile(s.path(name), content, 0o600))
	}
	require.NoError(s.t, os.WriteFile(s.path("package.json"), []byte(`{"type": "module"}`), 0o600))
	if program {
		arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
		bin := s.path("node_modules/@ocgo-key/linux-" + arch + "/bin")
		require.NoError(s.t, os.MkdirAll(bin, 0o700))
		require.NoError(s.t, os.Rename(s.program, filepath.Join(bin, "ocgo-key")))
	}
}

// nodes returns the Node.js programs to test: the one on PATH, and $NODE_NEWER, a newer version that
// supports process.execve.
func nodes() []string {
	found := []string{"node"}
	if newer := os.Getenv("NODE_NEWER"); newer != "" {
		found = append(found, newer)
	}
	return found
}

// command prepares the package's command, without a terminal.
func (s *stage) command(node string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(s.t.Context(), node, append([]string{s.path(PackageStart)}, args...)...)
	var out bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, &out
}

// The command of the npm package passes its arguments, input and signals to the program, and has
// the program's output and exit code.
func TestPackageCommand(t *testing.T) {
	for _, node := range nodes() {
		s := newStage(t, `case $1 in
exit) cat; echo "$2" >&2; exit 7 ;;
die) kill -KILL $$ ;;
wait) trap 'echo got it; exit 5' "$2"; echo ready >ready; while :; do sleep 0.05; done ;;
esac`)
		s.packaged(true)
		cmd, out := s.command(node, "exit", "two words")
		cmd.Stdin = bytes.NewBufferString("from stdin\n")
		require.Error(t, cmd.Run())
		assert.Equal(t, 7, cmd.ProcessState.ExitCode(), out)
		assert.Equal(t, "from stdin\ntwo words\n", out.String())

		cmd, out = s.command(node, "die")
		require.Error(t, cmd.Run())
		assert.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), out)

		for name, sig := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "USR1": syscall.SIGUSR1} {
			cmd, out = s.command(node, "wait", name)
			cmd.Dir = t.TempDir()
			require.NoError(t, cmd.Start())
			require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(cmd.Dir, "ready")); return err == nil }, time.Minute, 20*time.Millisecond)
			require.NoError(t, cmd.Process.Signal(sig))
			require.Error(t, cmd.Wait())
			assert.Equal(t, 5, cmd.ProcessState.ExitCode(), name)
			assert.Equal(t, "got it\n", out.String(), name)
		}
	}
}

// If npm did not install the package of this system, the command says so, and OpenCode works as
// without the plugin.
func TestPackageWithoutProgram(t *testing.T) {
	s := newStage(t, gatewayScript)
	s.packaged(false)
	for _, node := range nodes() {
		cmd, out := s.command(node, "get")
		require.Error(t, cmd.Run())
		assert.Equal(t, 1, cmd.ProcessState.ExitCode())
		assert.Contains(t, out.String(), "ocgo-key: the package @ocgo-key/linux-")
	}
	assert.Equal(t, []string{"create.before"}, s.plays(PackageFiles()[PackagePlugin], "twice").Hooks[:1])
}

// The package's plugin starts the package's program, and writes notices into the program's state
// folder.
func TestPackagePlugin(t *testing.T) {
	s := newStage(t, gatewayScript)
	s.packaged(true)
	o := s.plays(PackageFiles()[PackagePlugin], "twice")
	assert.Equal(t, []string{"gateway --parent-pipe --lease conversation"}, s.starts())
	s.showsToken(o.Requests[0])
	for _, content := range PackageFiles() {
		for _, gone := range []string{`= "@`, "Written by"} {
			assert.False(t, strings.Contains(string(content), gone), gone)
		}
	}
	for _, env := range [][]string{nil, {"OCGO_KEY_STATE_DIR=/a/b"}, {"XDG_STATE_HOME=/c"}, {"XDG_STATE_HOME=relative"}} {
		cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", "console.log((await import(process.argv[1])).notices)", s.path("program.js"))
		cmd.Env = append([]string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH")}, env...)
		out, err := cmd.Output()
		require.NoError(t, err)
		want, err := paths.StateDir(func(name string) string { return valueOf(env, name) }, func() (string, error) { return s.dir, nil })
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(want, NoticesName)+"\n", string(out))
	}
}

func valueOf(env []string, name string) string {
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// A process that loads both the plugin of `ocgo-key install` and the plugin of the npm package
// starts only one gateway.
func TestPackageBesideThePlugin(t *testing.T) {
	s := newStage(t, gatewayScript)
	s.packaged(true)
	s.program = s.path("node_modules/@ocgo-key/linux-" + map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH] + "/bin/ocgo-key")
	require.NoError(t, os.WriteFile(s.path("other.mjs"), s.plugin(), 0o600))
	o := s.plays([]byte("import one from './plugin.js'\nimport two from './other.mjs'\n"+
		"export default { id: 'x', setup: async (ctx) => { await two.setup(ctx); return one.setup(ctx) } }"), "twice")
	assert.Equal(t, append(both, both...), o.Hooks)
	assert.Len(t, s.starts(), 1)
}
