package doctor

import (
	"path/filepath"
	"runtime"
	"testing"

	"ocgo-key/internal/install"

	"github.com/stretchr/testify/assert"
)

func TestModels(t *testing.T) {
	o := home(t, nil, second)
	path := write(t, filepath.Join(o.home, "opencode.json"), `{"providers":{"opencode-go":{"models":{"kimi-k2.6":{"settings":{"baseURL":"https://example.com"}}}}}}`, 0o600)
	assert.Equal(t, []string{"problem: " + path + " sets baseURL only for model kimi-k2.6: plain `opencode` uses it and not the pool | ${EDITOR:-vi} " + path}, findings(func(r *Result) { o.models(r, []string{path, filepath.Join(o.home, "none.json")}) }))
	o.pooled = true
	assert.Equal(t, []string{"note: " + path + " sets baseURL only for model kimi-k2.6: the pool's setting is used instead | ${EDITOR:-vi} " + path}, findings(func(r *Result) { o.models(r, []string{path}) }))
}

// Each case is a setting that makes plain `opencode` bypass the pool. With the plugin installed,
// OpenCode ignores the setting.
func TestConfig(t *testing.T) {
	const (
		uses = ": plain `opencode` uses it and not the pool"
		lies = ": it is not used, and can be read by an agent's tools"
	)
	login := `{"opencode-go":{"type":"api","key":"sk-1"}}`
	config := func(options string) string { return `{"provider":{"opencode-go":{"options":{` + options + `}}}}` }
	tests := map[string]struct {
		env          map[string]string
		files        map[string]string // below the home folder
		want, pooled []string          // the findings without the plugin, and with the plugin
	}{
		"nothing": {},
		"a token": {env: map[string]string{"OPENCODE_API_KEY": "ocgo-token"}},
		"the variable": {map[string]string{"OPENCODE_API_KEY": "sk-1"}, nil,
			[]string{"problem: OPENCODE_API_KEY holds a key" + uses + "; it also makes OpenCode offer Zen, which spends balance | unset OPENCODE_API_KEY"},
			[]string{"note: OPENCODE_API_KEY holds a key" + lies + "; it also makes OpenCode offer Zen, which spends balance | unset OPENCODE_API_KEY"}},
		"logins in a variable": {map[string]string{"OPENCODE_AUTH_CONTENT": login}, nil,
			[]string{"problem: OPENCODE_AUTH_CONTENT holds a key for OpenCode Go" + uses + " | unset OPENCODE_AUTH_CONTENT"},
			[]string{"note: OPENCODE_AUTH_CONTENT holds a key for OpenCode Go" + lies + " | unset OPENCODE_AUTH_CONTENT"}},
		"a configuration in a variable": {map[string]string{"OPENCODE_CONFIG_CONTENT": config(`"apiKey":"sk-1"`)}, nil,
			[]string{"problem: OPENCODE_CONFIG_CONTENT sets an address or a key for OpenCode Go" + uses + " | unset OPENCODE_CONFIG_CONTENT"},
			[]string{"note: OPENCODE_CONFIG_CONTENT holds a key" + lies + " | unset OPENCODE_CONFIG_CONTENT"}},
		"a stored login": {nil, map[string]string{".local/share/opencode/auth.json": login},
			[]string{"problem: HOME/.local/share/opencode/auth.json has a login for OpenCode Go" + uses + " | ocgo-key import --scrub"},
			[]string{"note: HOME/.local/share/opencode/auth.json has a login for OpenCode Go" + lies + " | ocgo-key import --scrub"}},
		"a key in a file": {nil, map[string]string{"opencode.json": config(`"apiKey":"sk-1"`)},
			[]string{"problem: HOME/opencode.json sets provider.opencode-go.options.apiKey" + uses + " | ocgo-key import --from HOME/opencode.json --scrub"},
			[]string{"note: HOME/opencode.json sets provider.opencode-go.options.apiKey" + lies + " | ocgo-key import --from HOME/opencode.json --scrub"}},
		"an address in a file": {nil, map[string]string{"opencode.json": config(`"baseURL":"https://example.com"`)},
			[]string{"problem: HOME/opencode.json sets provider.opencode-go.options (baseURL)" + uses + " | ocgo-key install --yes"}, nil},
		"no JSON": {nil, map[string]string{"opencode.json": "{"},
			[]string{"problem: HOME/opencode.json cannot be read (the content is not a JSON object), so OpenCode does not start | ${EDITOR:-vi} HOME/opencode.json"},
			[]string{"problem: HOME/opencode.json cannot be read (the content is not a JSON object), so OpenCode does not start | ${EDITOR:-vi} HOME/opencode.json"}},
		"a managed address": {nil, map[string]string{"managed/opencode.json": config(`"baseURL":"https://example.com"`)},
			[]string{"problem: HOME/managed/opencode.json, a managed configuration, sets provider.opencode-go.options.baseURL, so requests under `ocgo-key run` bypass the gateway (with the plugin they do not); remove the setting | ${EDITOR:-vi} HOME/managed/opencode.json"},
			[]string{"problem: HOME/managed/opencode.json, a managed configuration, sets provider.opencode-go.options.baseURL, so requests under `ocgo-key run` bypass the gateway (with the plugin they do not); remove the setting | ${EDITOR:-vi} HOME/managed/opencode.json"}},
	}
	if runtime.GOOS == "windows" {
		return // Windows has other path separators and another editor
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			for name, value := range tt.env {
				m.env[name] = value
			}
			for name, text := range tt.files {
				write(t, filepath.Join(m.home, name), text, 0o600)
			}
			m.finds("config", tt.want...)
			m.install((*install.Places).PluginPlan)
			m.finds("config", tt.pooled...)
		})
	}
}
