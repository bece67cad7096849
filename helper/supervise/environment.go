package supervise

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"

	"ocgo-key/helper/clients"
	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
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
	tokenVariable   = clients.TokenVariable
	zenVariable     = "OCGO_KEY_GATEWAY_ZEN"  // set if the gateway serves Zen
	contentVariable = "OCGO_KEY_USER_CONTENT" // OpenCode's configuration content as the user set it
)

// Environment variables with the service's key and address, for commands other than OpenCode.
const (
	keyVariable     = clients.KeyVariable
	addressVariable = clients.AddressVariable
)

// pointAt returns the command with the gateway's address and token. OpenCode gets them in its
// configuration, another command in variables. The settings are those of
// a client other than OpenCode. folder is the folder of the run; its zero value is ignored.
func (c client) pointAt(gw endpoint, command wrapper.Command, folder opencode.RunFolder) (wrapper.Command, clients.Settings, error) {
	env := pastProxies(command.Env, runtime.GOOS)
	if folder.Bin != "" {
		env = withPath(env, folder.BeforePath)
	}
	env = setenv(setenv(env, GatewayVariable, gw.url), tokenVariable, gw.token)
	if gw.zen {
		env = setenv(env, zenVariable, "1")
	}
	if c.is {
		var err error
		command.Env, err = c.configured(gw, env, folder)
		return command, clients.Settings{}, err
	}
	command.Env = setenv(setenv(env, keyVariable, gw.token), addressVariable, gw.url+gateway.GoPrefix)
	if c.other == nil {
		return command, clients.Settings{}, nil
	}
	settings, err := c.settings(gw, command, folder)
	if err != nil {
		return command, settings, err
	}
	command.Env = unsetenv(command.Env, settings.Unset...)
	for _, v := range settings.Set {
		command.Env = setenv(command.Env, v.Name, v.Value)
	}
	command.Argv = slices.Concat(command.Argv[:1], settings.Args, command.Argv[1:])
	return command, settings, nil
}

// configured returns env with OpenCode's configuration for the gateway.
func (c client) configured(gw endpoint, env []string, folder opencode.RunFolder) ([]string, error) {
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
		env = setenv(env, contentVariable, user)
	}
	return setenv(env, opencode.ConfigVariable, config), nil
}

// settings returns the settings of a client other than OpenCode.
func (c client) settings(gw endpoint, command wrapper.Command, folder opencode.RunFolder) (clients.Settings, error) {
	start := clients.Start{
		Args: command.Argv[1:], Getenv: func(name string) string { return getenv(command.Env, name) }, File: folder.Extension,
	}
	start.Home, _ = os.UserHomeDir() // without it, the client has no settings of the user
	start.Dir, _ = os.Getwd()
	settings, err := c.other.Settings(start, gw.forClient())
	switch {
	case errors.Is(err, clients.ErrNoFile):
		return settings, hint.On(failed(err), "set TMPDIR to a folder that can be written")
	case err != nil:
		return settings, hint.On(failed(err), "fix or unset it, then run again")
	}
	return settings, nil
}

// forClient returns the gateway's address and token for a client other than OpenCode.
func (gw endpoint) forClient() clients.Gateway {
	return clients.Gateway{Root: gw.url + strings.TrimSuffix(gateway.GoPrefix, "/v1"), Token: gw.token, Header: strings.ToLower(gateway.TokenHeader)}
}

// pointAt returns the command of the run with the gateway's address and token, and tells the user
// what a client other than OpenCode gets.
func (r *Run) pointAt(client client, gw endpoint, folder opencode.RunFolder) (wrapper.Command, error) {
	command, settings, err := client.pointAt(gw, r.Command, folder)
	if err != nil || client.other == nil {
		return command, err
	}
	for _, line := range settings.Lines(gw.forClient()) {
		r.Tell.Detail("%s, %s", client.other.Name, text.Line(line))
	}
	return command, nil
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
	if strings.Contains(getenv(env, clients.KiloContent), opencode.PlaceholderKey) {
		out = unsetenv(out, clients.KiloContent)
	}
	if user := getenv(env, clients.RecordVariable); user != "" {
		out = setenv(unsetenv(out, clients.RecordVariable), clients.KiloContent, user)
	}
	// Several variables contain the address or the token. One of them can have the user's lines too.
	for _, e := range slices.Clone(out) {
		name, value, _ := strings.Cut(e, "=")
		lines := strings.Split(value, "\n")
		left := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
			return token != "" && strings.Contains(line, token) || url != "" && strings.HasPrefix(line, url+"/")
		})
		switch {
		case len(left) == 0:
			out = unsetenv(out, name)
		case len(left) < len(lines):
			out = setenv(out, name, strings.Join(left, "\n"))
		}
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
