//go:build !check

package opencode

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outcome is the output of testdata/drive.mjs.
type outcome struct {
	Hooks    []string
	Result   bool
	Stop     string
	Provider struct {
		Settings                  map[string]any
		IntegrationID, Activation string
	}
	Requests    []redirected
	First, Next redirected
	Unknown     redirected
	Proxies     []string
	Notices     []Notice
	Env, Own    map[string]string
	Removed     []string
	Methods     map[string]any
	Shown       map[string]any
	Stored      map[string]any
	Pattern     []bool
	Panel       string
	Toasts      []string
	Seen        []string // the requests to other programs that use the gateway's address
}

type redirected struct {
	URL, Body, Error string
	Headers          map[string]string
}

// A stage is the environment of a plugin under test: its ocgo-key is a shell script that records
// each start in a file.
type stage struct {
	t       *testing.T
	dir     string
	program string
	env     []string
}

func newStage(t *testing.T, script string) *stage {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed: the Debian package nodejs has it")
	}
	s := &stage{t: t, dir: t.TempDir()}
	s.program = filepath.Join(s.dir, "ocgo-key")
	require.NoError(t, os.WriteFile(s.program, []byte("#!/bin/sh\necho \"$*\" >>"+s.path("starts")+"\n"+script), 0o700))
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "NOTICES=" + s.path(NoticesName)}
	return s
}

// gatewayScript is a gateway whose token is its process id.
const gatewayScript = `echo '{"base_url":"http://127.0.0.1:4/zen/go/v1","token":"'$$'"}'; exec cat >/dev/null`

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// starts returns the arguments of each start of the program.
func (s *stage) starts() []string {
	content, _ := os.ReadFile(s.path("starts")) // the file is missing if there was no start
	return strings.FieldsFunc(string(content), func(r rune) bool { return r == '\n' })
}

// plays runs a scenario of drive.mjs with the plugin whose file has this content.
func (s *stage) plays(content []byte, args ...string) (o outcome) {
	s.t.Helper()
	file := s.path("plugin.mjs")
	require.NoError(s.t, os.WriteFile(file, content, 0o600))
	driver, err := filepath.Abs("testdata/drive.mjs")
	require.NoError(s.t, err)
	cmd := exec.CommandContext(s.t.Context(), "node", append([]string{driver, file}, args...)...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = s.env, s.dir, time.Minute
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(s.t, err, stderr.String())
	require.NoError(s.t, json.Unmarshal(out, &o), "%s", out)
	return o
}

func (s *stage) plugin() []byte {
	return Plugin{Program: s.program, Notices: s.path(NoticesName)}.Content()
}

var both = []string{"http.request opencode-go", "create.before"}

// OpenCode 1 calls the plugin's setup for OpenCode 2 as well; there it does nothing.
func TestSetupLeavesOpenCode1Alone(t *testing.T) {
	s := newStage(t, gatewayScript)
	assert.True(t, s.plays(s.plugin(), "opencode1").Result)
	assert.Empty(t, s.starts())
}

// A process has one gateway, even if it works in several folders. Requests of any format, address
// and key are sent to that gateway with its token.
func TestRequestsGoToTheGateway(t *testing.T) {
	s := newStage(t, "until [ -e go ]; do sleep 0.05; done; "+gatewayScript) // the gateway starts late; setup must not wait for it
	s.env = append(s.env, "NO_PROXY=a.example")
	o := s.plays(s.plugin(), "twice")
	assert.Equal(t, append(both, both...), o.Hooks)
	assert.Equal(t, []string{"gateway --parent-pipe --lease conversation"}, s.starts())
	assert.Equal(t, "function", o.Stop)
	assert.Equal(t, "enabled", o.Provider.Activation)
	assert.Equal(t, "ocgo-key", o.Provider.IntegrationID, "OpenCode has no stored credential and no variable for this integration")
	assert.Equal(t, map[string]any{"chunkTimeout": 5.0, "baseURL": "http://127.0.0.1:1/zen/go/v1", "apiKey": "ocgo-placeholder"}, o.Provider.Settings)
	for i, end := range []string{"/chat/completions", "/messages?beta=true", "/responses"} {
		assert.Equal(t, "http://127.0.0.1:4/zen/go/v1"+end, o.Requests[i].URL)
		s.showsToken(o.Requests[i])
	}
	assert.Contains(t, o.Unknown.Error, "/zen/go/v1/usage")
	assert.Equal(t, []string{"a.example,127.0.0.1,localhost", "a.example,127.0.0.1,localhost"}, o.Proxies)
}

// The hosts that the user exempts from proxies stay exempt, and the gateway is exempt too.
func TestGatewayIsExemptFromProxies(t *testing.T) {
	for env, want := range map[string][]string{
		"":                              {"127.0.0.1,localhost", "127.0.0.1,localhost"},
		"NO_PROXY=localhost no_proxy=":  {"localhost,127.0.0.1", "localhost,127.0.0.1"},
		"no_proxy=127.0.0.0/8":          {"127.0.0.0/8,127.0.0.1,localhost", "127.0.0.0/8,127.0.0.1,localhost"},
		"NO_PROXY=a.example no_proxy=b": {"a.example,127.0.0.1,localhost", "b,127.0.0.1,localhost"},
		"NO_PROXY=*":                    {"*", ""},
		"NO_PROXY=* no_proxy=b":         {"*", "b,127.0.0.1,localhost"},
	} {
		s := newStage(t, gatewayScript)
		s.env = append(s.env, strings.Fields(env)...)
		assert.Equal(t, want, s.plays(s.plugin(), "twice").Proxies, env)
	}
}

func (s *stage) showsToken(r redirected) {
	s.t.Helper()
	assert.Equal(s.t, "the body", r.Body)
	assert.Equal(s.t, "ses_1", r.Headers["x-opencode-session"])
	assert.Regexp(s.t, "^([0-9]+|tok)$", r.Headers["x-ocgo-key-token"])
	for name, value := range r.Headers {
		assert.NotContains(s.t, value, "sk-foreign", name)
	}
}

func TestDeadGatewayIsReplaced(t *testing.T) {
	s := newStage(t, gatewayScript)
	o := s.plays(s.plugin(), "dies")
	require.Empty(t, o.Next.Error)
	assert.NotEqual(t, o.First.Headers["x-ocgo-key-token"], o.Next.Headers["x-ocgo-key-token"])
	assert.Len(t, s.starts(), 2)
}

// Another program may take the port of a dead gateway before the plugin notices. It gets neither a
// prompt nor the token: the plugin starts another gateway. If another program answers at the new
// address too, the request fails.
func TestStrangersAtTheAddressSeeNothing(t *testing.T) {
	s := newStage(t, gatewayScript)
	o := s.plays(s.plugin(), "strangers")
	require.Empty(t, o.Next.Error)
	s.showsToken(o.Next)
	assert.NotEqual(t, o.First.Headers["x-ocgo-key-token"], o.Next.Headers["x-ocgo-key-token"])
	assert.Contains(t, o.Requests[0].Error, "another program")
	require.NotEmpty(t, o.Seen)
	for _, seen := range o.Seen {
		assert.NotContains(t, seen, "the body")
		assert.NotContains(t, seen, o.First.Headers["x-ocgo-key-token"]+`"`)
		assert.NotContains(t, strings.ToLower(seen), "token")
	}
}

// A request waits while the gateway starts. If the start fails, the next request tries again,
// because the cause may have been fixed. The full screen shows the failure once.
func TestRequestsFailWithTheGatewaysReason(t *testing.T) {
	s := newStage(t, "echo 'ocgo-key: there is no account' >&2; echo 'hint: add one' >&2; exit 3")
	o := s.plays(s.plugin(), "fails")
	for _, r := range o.Requests {
		assert.Equal(t, "ocgo-key: there is no account (add one)", r.Error)
	}
	assert.Len(t, s.starts(), 2)
	require.Len(t, o.Notices, 1)
	assert.Equal(t, "there is no account (add one)", o.Notices[0].Text)
	assert.Equal(t, Failure, o.Notices[0].Variant)
	info, err := os.Stat(s.path(NoticesName))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// If the ocgo-key program does not exist any more, OpenCode works as it does without the plugin.
func TestGoneProgramChangesNothing(t *testing.T) {
	s := newStage(t, gatewayScript)
	o := s.plays(Plugin{Program: s.path("gone"), Notices: s.path(NoticesName)}.Content(), "shell")
	assert.Equal(t, []string{"create.before"}, o.Hooks)
	assert.Nil(t, o.Provider.Settings)
}

func TestSetupNeverThrows(t *testing.T) {
	s := newStage(t, gatewayScript)
	assert.Equal(t, both[:1], s.plays(s.plugin(), "throws").Hooks)
}

// Under `ocgo-key run` the plugin does nothing, except in a service, which outlives the run.
func TestPluginStepsAsideUnderRun(t *testing.T) {
	s := newStage(t, gatewayScript)
	s.env = append(s.env, "OCGO_KEY_GATEWAY=http://127.0.0.1:3", "OCGO_KEY_GATEWAY_TOKEN=tok")
	o := s.plays(s.plugin(), "shell")
	assert.Equal(t, []string{"create.before"}, o.Hooks)
	assert.Empty(t, s.starts())
	assert.Equal(t, map[string]string{"PATH": "/bin", "OCGO_KEY_AGENT_SHELL": "1"}, o.Env, "an agent's shell must not have the gateway's variables")
	assert.Equal(t, map[string]string{"OPENCODE_CONFIG_CONTENT": "{}", "OCGO_KEY_AGENT_SHELL": "1"}, o.Own)

	o = s.plays(s.plugin(), "shell", "--service")
	assert.Equal(t, both, o.Hooks)
	assert.Len(t, s.starts(), 1)
}

func TestRunPlugin(t *testing.T) {
	s := newStage(t, gatewayScript)
	dir, err := WriteRunPlugin(s.path("run/plugin"))
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(dir, "index.js"))
	require.NoError(t, err)
	assert.Empty(t, s.plays(content, "shell").Hooks, "without a gateway the plugin does nothing")

	s.env = append(s.env, "OCGO_KEY_GATEWAY=http://127.0.0.1:3", "OCGO_KEY_GATEWAY_TOKEN=tok")
	assert.Empty(t, s.plays(content, "shell", "--service").Hooks)
	o := s.plays(content, "shell")
	assert.Equal(t, both, o.Hooks)
	assert.Equal(t, "http://127.0.0.1:3/zen/go/v1/messages?beta=true", o.Requests[0].URL)
	s.showsToken(o.Requests[0])
	assert.Equal(t, "1", o.Env["OCGO_KEY_AGENT_SHELL"])
	assert.NotContains(t, o.Env, "OPENCODE_CONFIG_CONTENT")
	assert.Contains(t, o.Env, "OCGO_KEY_GATEWAY_TOKEN", "an opencode that is started in the shell uses the gateway with this token")
	assert.Equal(t, map[string]string{"OPENCODE_CONFIG_CONTENT": "{}", "OCGO_KEY_AGENT_SHELL": "1"}, o.Own)
	for _, name := range []string{"index.js", "tui.js"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

// A typed key is passed only to the program's stdin; OpenCode stores a placeholder instead.
func TestConnectKeepsTheKeyFromOpenCode(t *testing.T) {
	s := newStage(t, `case $1 in add) cat >`+"typed"+`; echo "added Work";; list) echo "table";; *) `+gatewayScript+`;; esac`)
	o := s.plays(s.plugin(), "connect")
	assert.Contains(t, s.starts(), "add -- Work")
	typed, err := os.ReadFile(s.path("typed"))
	require.NoError(t, err)
	assert.Equal(t, "sk-typed\n", string(typed))
	assert.Equal(t, "code", o.Shown["mode"])
	assert.Equal(t, "ocgo-placeholder", o.Stored["access"])
	assert.NotContains(t, o.Stored, "sk-typed")
	assert.Equal(t, []string{"key"}, o.Removed, "the plugin removes the login method that stores a key in OpenCode's database")
	assert.Equal(t, []bool{true, true, false, false, false, false, false, true}, o.Pattern, "other programs see a label, which is an argument; so a key is refused as a label")
	assert.Len(t, o.Methods, 3)
	assert.NotEmpty(t, o.Panel, "the panel's callback must fail, so that OpenCode stores no login")
}

// Each full screen shows the notices since its start, and under `ocgo-key run` only that run's
// notices.
func TestToasts(t *testing.T) {
	s := newStage(t, gatewayScript)
	dir, err := WriteRunPlugin(s.path("run"))
	require.NoError(t, err)
	now := time.Now()
	require.NoError(t, WriteNotice(dir, now.Add(-time.Hour), "old", Info))
	later := now.Add(time.Hour) // after the start of the process that reads it
	require.NoError(t, WriteNotice(dir, later, "one", Info))
	require.NoError(t, WriteNotice(dir, later, "two", Failure))
	content, err := os.ReadFile(filepath.Join(dir, "tui.js"))
	require.NoError(t, err)
	assert.Empty(t, s.plays(content, "toasts").Toasts)
	s.env = append(s.env, "OCGO_KEY_GATEWAY=http://127.0.0.1:3")
	assert.Equal(t, []string{"one", "two"}, s.plays(content, "toasts").Toasts)
	installed := Plugin{Notices: filepath.Join(dir, NoticesName)}.ToastFiles()["tui.js"]
	assert.Empty(t, s.plays(installed, "toasts").Toasts)
	for range 2 * mostNotices {
		require.NoError(t, WriteNotice(dir, later, "more", Info))
	}
	var notices []Notice
	text, err := os.ReadFile(filepath.Join(dir, NoticesName))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &notices))
	assert.Len(t, notices, mostNotices)
}
