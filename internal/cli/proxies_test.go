package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		assert.ElementsMatch(t, append(strings.Fields(want), "HOME=/x"), got, env)
		assert.ElementsMatch(t, got, pastProxies(got, "linux"), "a run within a run adds nothing")
	}
	assert.Equal(t, []string{"A=b", "NO_PROXY=corp,127.0.0.1,localhost"}, pastProxies([]string{"No_Proxy=corp", "A=b"}, "windows"))
	assert.Equal(t, []string{"NO_PROXY=" + loopback}, pastProxies(nil, "windows"))
}

// The token is where the gateway looks for it first, and where a command that is not OpenCode finds it; OpenCode's own
// key is a word that is worth nothing.
func TestPointAt(t *testing.T) {
	gw := endpoint{"http://127.0.0.1:1", "ocgo-token"}
	header := strings.ToLower(gateway.TokenHeader)
	for command, zen := range map[string]bool{"opencode": false, "sh": false, "/bin/opencode": true} {
		env, err := pointAt(gw, wrapper.Command{Argv: []string{command}}, zen)
		require.NoError(t, err)
		config := getenv(env, opencode.ConfigVariable)
		assert.Contains(t, config, `"opencode-go":{"env":[],"options":{"apiKey":"ocgo-placeholder","baseURL":"http://127.0.0.1:1/zen/go/v1","headers":{"`+header+`":"ocgo-token"}}}`)
		assert.Equal(t, command == "sh", strings.Contains(config, `"opencode":{"env":[]}`), command)
		assert.Equal(t, zen, strings.Contains(config, `"opencode":{"env":[],"options"`), command)
		assert.Equal(t, command == "sh", getenv(env, "OPENCODE_API_KEY") == "ocgo-token", command)
		assert.Equal(t, "127.0.0.1,localhost", getenv(env, "NO_PROXY"))
	}
	assert.Contains(t, string(opencode.Plugin{Program: "/x"}.Content()), `TOKEN_HEADER = "`+header+`"`, "the plugin's is the same")
}
