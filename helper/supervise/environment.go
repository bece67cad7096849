package supervise

import (
	"runtime"
	"slices"
	"strings"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/hint"
)

// endpoint is what a client needs to use a gateway.
type endpoint struct {
	url   string // without a prefix
	token string
	zen   bool // serves Zen as well
}

// Environment variables for a `run` inside another `run`. They contain the address of the outer
// run's gateway, and the user's values that the outer run has replaced. An agent's shells have them
// too, so that an opencode started there uses the same gateway.
const (
	GatewayVariable = "OCGO_KEY_GATEWAY"
	tokenVariable   = "OCGO_KEY_GATEWAY_TOKEN"
	zenVariable     = "OCGO_KEY_GATEWAY_ZEN"  // set if the gateway serves Zen
	contentVariable = "OCGO_KEY_USER_CONTENT" // OpenCode's configuration content as the user set it
)

// Environment variables with the service's key and address, for commands other than OpenCode.
const (
	keyVariable     = "OPENCODE_API_KEY"
	addressVariable = "OPENCODE_BASE_URL"
)

// pointAt returns env with the gateway's address and token. OpenCode gets them in its
// configuration, another command in variables. folder is the folder of the run; its zero value is
// ignored.
func (c client) pointAt(gw endpoint, env []string, folder opencode.RunFolder) ([]string, error) {
	out := pastProxies(env, runtime.GOOS)
	if folder.Bin != "" {
		out = withPath(out, folder.BeforePath)
	}
	out = setenv(setenv(out, GatewayVariable, gw.url), tokenVariable, gw.token)
	if gw.zen {
		out = setenv(out, zenVariable, "1")
	}
	if !c.is {
		out = setenv(out, keyVariable, gw.token)
		return setenv(out, addressVariable, gw.url+gateway.GoPrefix), nil
	}
	at := func(prefix string) opencode.Endpoint {
		return opencode.Endpoint{BaseURL: gw.url + prefix, Headers: map[string]string{strings.ToLower(gateway.TokenHeader): gw.token}}
	}
	providers := map[string]opencode.Endpoint{opencode.GoProvider: at(gateway.GoPrefix)}
	if gw.zen {
		providers[opencode.ZenProvider] = at(gateway.ZenPrefix)
	}
	user := getenv(env, opencode.ConfigVariable)
	config, err := opencode.MergeConfig(user, providers)
	if err == nil && folder.Plugin != "" && c.generation2() {
		config, err = opencode.AddPlugin(config, folder.Plugin)
	}
	if err != nil {
		return nil, hint.On(failed(err), "fix or unset it, then run again")
	}
	if user != "" {
		out = setenv(out, contentVariable, user)
	}
	return setenv(out, opencode.ConfigVariable, config), nil
}

// withoutRun removes from env what an enclosing `run` has added, and restores the user's values.
func withoutRun(env []string) []string {
	url, token, content := getenv(env, GatewayVariable), getenv(env, tokenVariable), getenv(env, contentVariable)
	if url == "" && token == "" {
		return env
	}
	out := unsetenv(env, GatewayVariable, tokenVariable, zenVariable, contentVariable)
	switch {
	case content != "":
		out = setenv(out, opencode.ConfigVariable, content)
	case strings.Contains(getenv(env, opencode.ConfigVariable), opencode.PlaceholderKey):
		out = unsetenv(out, opencode.ConfigVariable)
	}
	if getenv(env, keyVariable) == token {
		out = unsetenv(out, keyVariable)
	}
	if strings.HasPrefix(getenv(env, addressVariable), url+"/") {
		out = unsetenv(out, addressVariable)
	}
	return withPath(usersProxies(out, runtime.GOOS), opencode.WithoutRuns)
}

// pathName returns the name of the PATH variable as env spells it. On Windows the case of a name
// does not matter.
func pathName(env []string, goos string) string {
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); goos == "windows" && strings.EqualFold(name, "PATH") {
			return name
		}
	}
	return "PATH"
}

// withPath returns env with its PATH replaced by the result of change.
func withPath(env []string, change func(string) string) []string {
	name := pathName(env, runtime.GOOS)
	before := getenv(env, name)
	if after := change(before); after != before {
		return setenv(env, name, after)
	}
	return env
}

func getenv(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

func setenv(env []string, name, value string) []string {
	return append(unsetenv(env, name), name+"="+value)
}

// unsetenv returns a copy of env without these variables.
func unsetenv(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains(names, name)
	})
}
