//go:build attacks && linux

package attacks

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
)

// planted is a state with a label that contains a shell command.
const planted = `{"version":1,"accounts":[{"id":"0123456789abcdef","label":"$(touch /tmp/ocgo-key-attacked)"}]}`

// The program refuses a state folder that another user owns or can write to. No command then writes
// to a file that the state names.
func TestOthersCannotPlantAState(t *testing.T) {
	w := newWorld(t)
	bashrc := filepath.Join(w.home, ".bashrc")
	require.NoError(t, os.WriteFile(bashrc, []byte("# mine\n"), 0o644))
	require.NoError(t, os.Chown(bashrc, victim, victim))
	for name, owner := range map[string]int{"of-the-attacker": attacker, "of-the-victim": victim} {
		shared := w.folder(owner, name, 0o777)
		w.as(attacker, nil, "sh", "-c", `printf '%s' "$1" >"$2/state.json" && ln -s "$3" "$2/events.jsonl"`, "sh", planted, shared, bashrc).ok()
		for _, command := range []string{"get", "list", "rotate"} {
			cmd := w.command(victim, w.program, command)
			cmd.Env = append(cmd.Env, "OCGO_KEY_STATE_DIR="+shared)
			o := run(t, cmd, nil)
			require.Error(t, o.err)
			assert.Equal(t, 1, cmd.ProcessState.ExitCode())
			assert.Contains(t, o.stderr, "the state folder "+shared)
			assert.NotContains(t, o.stderr, "touch")
		}
	}
	content, err := os.ReadFile(bashrc)
	require.NoError(t, err)
	assert.Equal(t, "# mine\n", string(content))

	own := filepath.Join(w.home, ".local", "state", "ocgo-key")
	assert.Error(t, w.as(attacker, nil, "ls", own).err, "the victim's own folder is closed")
	w.as(victim, nil, w.program, "get").ok()
}

// Root accepts only the state folders of the user who ran sudo and of the owner of HOME.
func TestRootUsesTheStateOfItsUser(t *testing.T) {
	w := newWorld(t)
	list := func(env ...string) outcome {
		cmd := w.command(victim, w.program, "list")
		cmd.SysProcAttr = nil // root, in the victim's environment
		cmd.Env = append(cmd.Env, env...)
		return run(t, cmd, nil)
	}
	assert.Contains(t, list().ok().stdout, "Work")
	state := "OCGO_KEY_STATE_DIR=" + filepath.Join(w.home, ".local", "state", "ocgo-key")
	assert.Contains(t, list(state, "HOME=/root", "SUDO_UID=61001").ok().stdout, "Work")
	assert.ErrorContains(t, list(state, "HOME=/root").err, "exit status 1")
	assert.Contains(t, list(state, "HOME=/root", "OCGO_KEY_TRUST_STATE=1").ok().stdout, "Work")
}

// attacks starts the attacker's program with this environment variable, and returns its output.
func (w *world) attacks(variable, address string) (*exec.Cmd, *bufio.Reader, io.Closer) {
	w.t.Helper()
	cmd := w.command(attacker, w.attack)
	cmd.Env = append(cmd.Env, variable+"="+address)
	out, err := cmd.StdoutPipe()
	require.NoError(w.t, err)
	in, err := cmd.StdinPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, cmd.Start())
	return cmd, bufio.NewReader(out), in
}

// After a run is killed, the programs that it started and that are still running hold the gateway's
// port, so no other user gets it.
func TestOthersDoNotGetThePortOfARun(t *testing.T) {
	w := newWorld(t)
	cmd := w.command(victim, w.program, "run", "--", "sh", "-c", `trap '' TERM; echo "$OCGO_KEY_GATEWAY $$"; exec cat`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stdin, err := os.Open(w.fifo("stdin"))
	require.NoError(t, err)
	cmd.Stdin = stdin
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	address, _, _ := strings.Cut(strings.TrimPrefix(line, "http://"), " ")
	require.NoError(t, cmd.Process.Kill())
	_, _ = cmd.Process.Wait()
	theft, _, _ := w.attacks(listenVariable, address)
	require.Error(t, theft.Wait())
	assert.Equal(t, 3, theft.ProcessState.ExitCode(), "the attacker got the port")
}

// fifo is a named pipe. Both of its ends stay open during the test.
func (w *world) fifo(name string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, syscall.Mkfifo(path, 0o644))
	keep, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = keep.Close() })
	return path
}

// driver replaces OpenCode 1 with the plugin. After its first request it blocks until the file "go"
// exists, so that it does not notice the end of its gateway.
const driver = `
import { existsSync, writeSync } from "node:fs"
const plugin = (await import(process.argv[2])).default
const quiet = new Proxy({}, { get: () => new Proxy(async () => {}, { get: () => async () => {} }) })
const hooks = await plugin.server({ client: quiet })
const config = {}
await hooks.config(config)
const ask = async (prompt) => {
  const answer = await config.provider["opencode-go"].options.fetch("http://127.0.0.1:1/zen/go/v1/chat/completions", {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "kimi-k2.6", messages: [{ role: "user", content: prompt }] }),
  })
  return { status: answer.status, text: await answer.text() }
}
const first = await ask("the first prompt")
await new Promise((resolve) => setTimeout(resolve, 6000)) // in which node gives up its idle connection
const { base_url, pid } = globalThis[Symbol.for("ocgo-key 2")].address
writeSync(1, JSON.stringify({ base_url, pid, first }) + "\n")
const wait = new Int32Array(new SharedArrayBuffer(4))
while (!existsSync(process.argv[3])) Atomics.wait(wait, 0, 0, 5)
writeSync(1, JSON.stringify(await ask("the second prompt")) + "\n")
process.exit(0)
`

// If a program takes the port of a dead gateway, the plugin sends it no prompt and no token. The
// next request goes to a new gateway.
func TestOthersGetNoPromptAtThePortOfAGateway(t *testing.T) {
	w := newWorld(t)
	plugin, script, begin := filepath.Join(w.dir, "plugin.mjs"), filepath.Join(w.dir, "driver.mjs"), filepath.Join(w.dir, "go")
	require.NoError(t, os.WriteFile(plugin, opencode.Plugin{Program: w.program, Notices: filepath.Join(w.home, "notices.json")}.Content(), 0o644))
	require.NoError(t, os.WriteFile(script, []byte(driver), 0o644))
	cmd := w.command(victim, "node", script, plugin, begin)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	answers := bufio.NewReader(out)
	var at struct {
		BaseURL string `json:"base_url"`
		PID     int
		First   struct{ Status int }
	}
	line, err := answers.ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &at))
	require.Equal(t, http.StatusOK, at.First.Status, string(line))
	address, _, _ := strings.Cut(strings.TrimPrefix(at.BaseURL, "http://"), "/")

	theft, got, _ := w.attacks(listenVariable, address)
	require.NoError(t, syscall.Kill(at.PID, syscall.SIGKILL))
	listening, err := got.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "listening\n", listening, "the attacker has the port")
	require.NoError(t, os.WriteFile(begin, nil, 0o644))
	var second struct {
		Status int
		Text   string
	}
	line, err = answers.ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &second))
	assert.Equal(t, http.StatusOK, second.Status, second.Text)
	require.NoError(t, cmd.Wait())
	require.NoError(t, theft.Process.Kill())
	seen, _ := io.ReadAll(got)
	assert.Contains(t, string(seen), "GET /ocgo-key/ping", "the attacker was asked for a proof")
	assert.NotContains(t, string(seen), "prompt")
	assert.NotContains(t, strings.ToLower(string(seen)), "x-ocgo-key-token")
}

// Connections without the token do not block the owner's requests, even if the limit of open files
// is low.
func TestOthersDoNotShutTheOwnerOut(t *testing.T) {
	w := newWorld(t)
	cmd := w.command(victim, "sh", "-c", `ulimit -n 256; exec "$0" gateway --parent-pipe`, w.program)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var at struct {
		BaseURL string `json:"base_url"`
		Token   string
	}
	require.NoError(t, json.NewDecoder(out).Decode(&at))
	address, _, _ := strings.Cut(strings.TrimPrefix(at.BaseURL, "http://"), "/")
	crowd, connected, leave := w.attacks(dialVariable, address)
	_, err = connected.ReadString('\n')
	require.NoError(t, err)
	assert.Eventually(t, func() bool {
		req, err := http.NewRequest(http.MethodGet, at.BaseURL+"/models", nil)
		require.NoError(t, err)
		req.Header.Set("X-Ocgo-Key-Token", at.Token)
		resp, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode != http.StatusUnauthorized
	}, 30*time.Second, 100*time.Millisecond)
	require.NoError(t, leave.Close())
	require.NoError(t, crowd.Wait())
	require.NoError(t, stdin.Close())
	require.NoError(t, cmd.Wait())
}
