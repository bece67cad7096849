package opencode

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOlderVersions(t *testing.T) {
	for _, pair := range [][2]string{{"0.15.2", "1.0.0"}, {"1.0.0", "1.0.1"}, {"1.9.9", "1.10.0"}, {"1.18.33-beta.1", "2.0.0"}} {
		assert.True(t, Older(pair[0], pair[1]), "%v", pair)
		assert.False(t, Older(pair[1], pair[0]), "%v", pair)
	}
	assert.False(t, Older("1.0.0", "1.0.0"))
	assert.False(t, Older("", "1.0.0"))
	assert.False(t, Older("none", "1.0.0"))
}

func TestSays(t *testing.T) {
	for output, want := range map[string]Program{
		"1.18.33\n":              {Generation: 1, Version: "1.18.33"},
		"opencode v2.0.15\n":     {Generation: 2, Version: "2.0.15"},
		"opencode v3.1.0-rc.1\n": {Generation: 3, Version: "3.1.0-rc.1"},
		"hello\n":                {},
		"":                       {},
	} {
		var p Program
		p.Says(output)
		assert.Equal(t, want, p, output)
	}
	p := Program{Generation: 2, Version: "2.0.15"}
	p.Says("1.18.33")
	assert.Equal(t, "2.0.15", p.Version)
}

func TestPoints(t *testing.T) {
	tests := map[string]struct {
		config, address string
		ours            bool
	}{
		"a run's, form of version 1": {`{"provider":{"opencode-go":{"options":{"baseURL":"http://127.0.0.1:5/zen/go/v1","apiKey":"ocgo-x"}}}}`, "http://127.0.0.1:5/zen/go/v1", true},
		"a run's, form of version 2": {`{"providers":{"opencode-go":{"settings":{"baseURL":"http://127.0.0.1:5/zen/go/v1"},"headers":{"X-Ocgo-Key-Token":"t"}}}}`, "http://127.0.0.1:5/zen/go/v1", true},
		"a token among the options":  {`{"provider":{"opencode-go":{"options":{"baseURL":"http://127.0.0.1:5","headers":{"x-ocgo-key-token":"t"}}}}}`, "http://127.0.0.1:5", true},
		"the user's own":             {`{"provider":{"opencode-go":{"options":{"baseURL":"http://127.0.0.1:5","apiKey":"mine"}}}}`, "http://127.0.0.1:5", false},
		"another provider's":         {`{"providers":{"other":{"settings":{"baseURL":"http://127.0.0.1:5","apiKey":"ocgo-x"}}}}`, "", false},
		"none":                       {`{}`, "", false},
		"nonsense":                   {`[`, "", false},
	}
	for what, tt := range tests {
		address, ours := Points([]byte(tt.config), "ocgo-")
		assert.Equal(t, tt.address, address, what)
		assert.Equal(t, tt.ours, ours, what)
	}
}

func TestModelOverrides(t *testing.T) {
	const config = `{
  // of version 2
  "providers": {"opencode-go": {"models": {
    "kimi-k2.6": {"settings": {"baseURL": "https://example.com", "apiKey": "mine"}},
    "fine": {"settings": {"temperature": 1}},
    "ours": {"settings": {"apiKey": "ocgo-x"}},
    "sk-0000000000000000000": {"options": {"apiKey": "mine"}},
  }}, "other": {"models": {"a": {"settings": {"baseURL": "https://example.com"}}}}},
  "provider": {"opencode-go": {"models": {"glm-5": {"options": {"baseURL": "https://example.com"}}}}},
}`
	assert.Equal(t, []ModelOverride{{"kimi-k2.6", []string{"apiKey", "baseURL"}}, {"of an odd name", []string{"apiKey"}}, {"glm-5", []string{"baseURL"}}},
		ModelOverrides([]byte(config), "ocgo-"))
	assert.Empty(t, ModelOverrides([]byte("["), "ocgo-"))
}

// Lines are those of 2.0.15.
func TestFailedPlugins(t *testing.T) {
	const log = `timestamp=T level=INFO run=aaaa message="cli starting" version=2.0.15 channel=latest local=false args="[\"serve\",\"--service\"]" role=cli
timestamp=T level=WARN run=aaaa message="failed to load plugin" target=/h/plugins/old.js ref=err_1 cause="Cause([Die(BuildMessage: Unexpected end of file)])" http.span=429 role=server
timestamp=T level=INFO run=cccc message="cli starting" version=2.0.15 channel=latest local=false args="[\"run\",\"serve\"]" role=cli
timestamp=T level=INFO run=bbbb message="cli starting" version=2.0.15 channel=latest local=false args="[\"serve\",\"--stdio\"]" role=cli
timestamp=T level=INFO run=bbbb msg="loading plugin" id="/h/my plugins/ocgo-key.js" entrypoint=file:///h/my%20plugins/ocgo-key.js http.span=422 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" target="/h/my plugins/ocgo-key.js" ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" target="/h/my plugins/ocgo-key.js" ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" target=/h/plugins/mended.js ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=WARN run=bbbb message="failed to load plugin" plugin.id=broken cause="Cause([Die(Error: no)])" http.span=4433 role=server
timestamp=T level=WARN run=dddd message="failed to load plugin" target=/h/plugins/elsewhere.js ref=err_2 cause="x" http.span=425 role=server
timestamp=T level=INFO run=bbbb msg="loading plugin" id=/h/plugins/mended.js entrypoint=file:///h/plugins/mended.js http.span=422 role=server
`
	path := put(t, folder(t), "opencode.log", log)
	assert.Equal(t, []string{"/h/my plugins/ocgo-key.js", "broken"}, FailedPlugins(path))
	assert.Empty(t, FailedPlugins(filepath.Join(folder(t), "none.log")))
}

func TestCreatedBySecond(t *testing.T) {
	dir := folder(t)
	for name, tt := range map[string]struct {
		tables  string
		created bool
	}{
		"first":  {"CREATE TABLE session (id text)", false},
		"both":   {"CREATE TABLE session (id text); CREATE TABLE session_v2 (id text)", false},
		"second": {"CREATE TABLE session_v2 (id text)", true},
	} {
		path := filepath.Join(dir, name+".db")
		require.NoError(t, openTest(t, path).Exec(tt.tables))
		created, err := CreatedBySecond(t.Context(), path)
		require.NoError(t, err)
		assert.Equal(t, tt.created, created, name)
	}
}

func TestReadService(t *testing.T) {
	dir := folder(t)
	s, err := ReadService(put(t, dir, "good.json", `{"id":"x","version":"2.0.15","url":"http://127.0.0.1:49511","pid":7,"password":"p"}`))
	require.NoError(t, err)
	assert.Equal(t, &Service{Server2: Server2{URL: "http://127.0.0.1:49511", Password: "p"}, Version: "2.0.15", PID: 7}, s)
	for name, text := range map[string]string{"nonsense": "{", "elsewhere": `{"url":"http://example.com","password":"p"}`, "other": `{"url":"file:///x","password":"p"}`, "no address": `{"password":"p"}`} {
		_, err := ReadService(put(t, dir, name+".json", text))
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "example.com", name)
	}
}
