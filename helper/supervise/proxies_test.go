package supervise

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/clients"
	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
)

func TestPastProxies(t *testing.T) {
	const loopback = "127.0.0.1,localhost"
	for env, want := range map[string]string{
		"":                       "NO_PROXY=" + loopback + " no_proxy=" + loopback,
		"NO_PROXY=":              "NO_PROXY=" + loopback + " no_proxy=" + loopback,
		"NO_PROXY=localhost":     "NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1",
		"no_proxy=127.0.0.0/8":   "NO_PROXY=127.0.0.0/8," + loopback + " no_proxy=127.0.0.0/8," + loopback,
		"NO_PROXY=a no_proxy=b":  "NO_PROXY=a," + loopback + " no_proxy=b," + loopback,
		"NO_PROXY=a no_proxy=":   "NO_PROXY=a," + loopback + " no_proxy=a," + loopback,
		"NO_PROXY=*":             "NO_PROXY=* no_proxy=*",
		"no_proxy=,a,,127.0.0.1": "NO_PROXY=a,127.0.0.1,localhost no_proxy=a,127.0.0.1,localhost",
	} {
		user := append([]string{"HOME=/x"}, strings.Fields(env)...)
		got := pastProxies(user, "linux")
		assert.ElementsMatch(t, append(strings.Fields(want), "HOME=/x"), withoutRecords(got), env)
		assert.ElementsMatch(t, got, pastProxies(got, "linux"), "a nested run adds nothing")
		// A variable with an empty value counts as unset.
		back := slices.DeleteFunc(slices.Clone(user), func(e string) bool { return strings.HasSuffix(e, "=") })
		assert.ElementsMatch(t, back, usersProxies(got, "linux"), env)
		assert.ElementsMatch(t, []string{"HOME=/x", "NO_PROXY=new", "no_proxy=new"},
			usersProxies(setenv(setenv(got, "NO_PROXY", "new"), "no_proxy", "new"), "linux"), "a value set under the run stays")
	}
	windows := pastProxies([]string{"No_Proxy=corp", "A=b"}, "windows")
	assert.ElementsMatch(t, []string{"A=b", "NO_PROXY=corp,127.0.0.1,localhost"}, withoutRecords(windows))
	assert.ElementsMatch(t, []string{"A=b", "NO_PROXY=corp"}, usersProxies(windows, "windows"))
	assert.ElementsMatch(t, windows, pastProxies(windows, "windows"))
	assert.Equal(t, []string{"NO_PROXY=" + loopback}, withoutRecords(pastProxies(nil, "windows")))
	assert.Empty(t, usersProxies(pastProxies(nil, "windows"), "windows"))
}

// withoutRecords returns env without the variables that record the user's values.
func withoutRecords(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, "OCGO_KEY_USER_") })
}

// OpenCode gets the token in the gateway's header, and a placeholder as its key; another command
// gets the token in variables.
func TestPointAt(t *testing.T) {
	header := strings.ToLower(gateway.TokenHeader)
	folder := opencode.RunFolder{Bin: "/run/bin", Plugin: "/run/plugin"}
	first := client{is: true, Program: opencode.Program{Generation: 1}}
	second := client{is: true, Program: opencode.Program{Generation: 2}}
	for name, test := range map[string]struct {
		client client
		zen    bool
	}{"OpenCode 1": {client: first}, "OpenCode 1 with Zen": {client: first, zen: true}, "OpenCode 2": {client: second}, "another": {}} {
		gw := endpoint{"http://127.0.0.1:1", "ocgo-token", test.zen}
		command, _, err := test.client.pointAt(gw, wrapper.Command{Env: []string{"PATH=/usr/bin"}}, folder)
		require.NoError(t, err)
		env := command.Env
		config := getenv(env, opencode.ConfigVariable)
		if test.client.is {
			assert.Contains(t, config, `"opencode-go":{"env":[],"options":{"apiKey":"ocgo-placeholder","baseURL":"http://127.0.0.1:1/zen/go/v1","headers":{"`+header+`":"ocgo-token"}}}`)
		} else {
			assert.Empty(t, config, "only OpenCode has the gateway in its configuration")
		}
		assert.Equal(t, test.zen, strings.Contains(config, `"opencode":{"env":[],"options"`), name)
		assert.Equal(t, test.client.generation2(), strings.Contains(config, `"plugins":["/run/plugin"]`), name)
		assert.Equal(t, !test.client.is, getenv(env, "OPENCODE_API_KEY") == "ocgo-token", name)
		assert.Equal(t, "127.0.0.1,localhost", getenv(env, "NO_PROXY"))
		assert.Equal(t, "/run/bin:/usr/bin", getenv(env, "PATH"))
		assert.Equal(t, []string{"PATH=/run/bin:/usr/bin"}, withoutRun(env), "%s: nothing of the run is left", name)
	}
	assert.Contains(t, string(opencode.Plugin{Program: "/x"}.Content()), `TOKEN_HEADER = "`+header+`"`, "the plugin uses the same header")
}

// withoutRun restores the user's own variables.
func TestWithoutRun(t *testing.T) {
	folder, err := opencode.NewRunFolder(t.TempDir(), "linux", "/bin/ocgo-key", "/opt/opencode")
	require.NoError(t, err)
	user := []string{"PATH=/usr/bin", "OPENCODE_CONFIG_CONTENT={\"model\":\"a/b\"}", "OTHER=x", "no_proxy=corp"}
	command, _, err := client{is: true}.pointAt(endpoint{"http://127.0.0.1:1", "ocgo-token", true}, wrapper.Command{Env: user}, folder)
	require.NoError(t, err)
	assert.ElementsMatch(t, user, withoutRun(command.Env))
	own := []string{"OPENCODE_API_KEY=of-the-user", "OPENCODE_CONFIG_CONTENT={}"}
	assert.Equal(t, own, withoutRun(own), "outside of a run nothing changes")
}

// A client other than OpenCode gets its variables and arguments, and withoutRun removes them.
func TestPointAtClients(t *testing.T) {
	gw := endpoint{"http://127.0.0.1:1", "ocgo-token", false}
	user := []string{"PATH=/usr/bin", `KILO_CONFIG_CONTENT={"model":"a/b"}`, "ANTHROPIC_MODEL=qwen3.8-flash", "OPENAI_MODEL=glm-5"}
	for name, want := range map[string]string{
		"claude": "ANTHROPIC_BASE_URL=http://127.0.0.1:1/zen/go", "qwen": "OPENAI_BASE_URL=http://127.0.0.1:1/zen/go/v1",
		"codex": "OPENCODE_API_KEY=ocgo-token", "pi": "OPENCODE_BASE_URL=http://127.0.0.1:1/zen/go/v1", "kilo": "OCGO_KEY_USER_KILO_CONTENT={\"model\":\"a/b\"}",
	} {
		other, ok := clients.Of(name)
		require.True(t, ok)
		command, _, err := client{other: &other}.pointAt(gw, wrapper.Command{Argv: []string{name, "hi"}, Env: user}, opencode.RunFolder{Extension: "/run/pi.js"})
		require.NoError(t, err)
		assert.Contains(t, command.Env, want)
		assert.Equal(t, []string{name, "hi"}, []string{command.Argv[0], command.Argv[len(command.Argv)-1]})
		assert.NotContains(t, strings.Join(command.Argv, " "), gw.token)
		left := slices.DeleteFunc(withoutRun(command.Env), func(e string) bool { return strings.HasPrefix(e, "ANTHROPIC_DEFAULT_") })
		assert.ElementsMatch(t, user, left, name)
	}
	own := []string{"ANTHROPIC_CUSTOM_HEADERS=a: b"}
	assert.Equal(t, own, withoutRun([]string{own[0] + "\nx-ocgo-key-token: ocgo-token", "OCGO_KEY_GATEWAY=http://127.0.0.1:1", "OCGO_KEY_GATEWAY_TOKEN=ocgo-token"}))
	other, _ := clients.Of("pi")
	_, _, err := client{other: &other}.pointAt(gw, wrapper.Command{Argv: []string{"pi"}}, opencode.RunFolder{})
	assert.ErrorIs(t, err, clients.ErrNoFile)
	assert.ErrorIs(t, err, ErrFailed)
}
