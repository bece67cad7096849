package opencode_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tailscale/hujson"

	"ocgo-key/helper/opencode"
)

// MergeConfig keeps every reference as written. OpenCode replaces references before it parses the
// text.
func TestMergeConfigKeepsReferences(t *testing.T) {
	for user, kept := range map[string]string{
		`{"autoupdate":{env:AU}}`:                              `"autoupdate":{env:AU}`,
		`{"autoupdate": {env:AU} , /* c */ }`:                  `"autoupdate":{env:AU}`,
		`{"username":"{env:WHO}"}`:                             `"username":"{env:WHO}"`,
		`{"username":"a {env:A&B} <{file:~/a&b<c>.txt}>"}`:     `{env:A&B}`,
		`{"username":"{file:/x/a&b<c>.txt}"}`:                  `"username":"{file:/x/a&b<c>.txt}"`,
		`{"username":"{file:C:\Users\me.txt}"}`:                `"username":"{file:C:\Users\me.txt}"`, // the backslashes are no escapes, since OpenCode replaces the reference before it parses the JSON
		`{"username":"{file:{env:DIR}/name}"}`:                 `"username":"{file:{env:DIR}/name}"`,
		`{"a":{file:{env:DIR}/n}}`:                             `"a":{file:{env:DIR}/n}`,
		`{"username":"{env:A"B}"}`:                             `"username":"{env:A"B}"`,
		`{"plugin":[{env:MORE},"x"]}`:                          `"plugin":[{env:MORE},"x"]`,
		`{"plugin":["x",{env:A}{env:B}]}`:                      `"plugin":["x",{env:A}{env:B}]`,
		`{"n":-{env:N}}`:                                       `"n":-{env:N}`,
		`{"n":{env:N}.5e1,"m":1}`:                              `"n":{env:N}.5e1`,
		`{{env:KEY}:1}`:                                        `{env:KEY}:1`,
		`{"keybinds":{{env:KEY}  : {env:VALUE}}}`:              `{env:KEY}:{env:VALUE}`,
		`{"keybinds":{ {env:MEMBERS}, "a":"b"}}`:               `{env:MEMBERS},"a":"b"`,
		`{{env:MEMBERS}}`:                                      `{env:MEMBERS}`,
		`{"model":"x",{env:MEMBERS}}`:                          `{env:MEMBERS}`,
		`{"provider":{"opencode-go":{"models":{env:MODELS}}}}`: `"models":{env:MODELS}`,
		`{"provider":{{env:OTHERS},"a":{}}}`:                   `{env:OTHERS}`,
		`{"a":"\"{env:X}\\","b":{env:X}}`:                      `"a":"\"{env:X}\\","b":{env:X}`,
		"{\"a\":1, // {env:X}\n\"b\":{env:Y}}":                 `"b":{env:Y}`,
	} {
		merged, err := opencode.MergeConfig(user, gateway)
		require.NoError(t, err, user)
		assert.Contains(t, merged, kept, user)
		o, err := opencode.ReadOverrides([]byte(merged), "")
		require.NoError(t, err, merged)
		assert.True(t, o.BaseURL, merged)
	}
	// Our settings cannot be merged into these.
	for _, user := range []string{`{env:ALL}`, `{"provider":{env:PROVIDERS}}`, `{"provider":{"opencode-go":{file:x}}}`} {
		_, err := opencode.MergeConfig(user, gateway)
		require.ErrorIs(t, err, opencode.ErrConfig, user)
	}
}

func TestReadOverridesKnowsReferences(t *testing.T) {
	for text, want := range map[string]opencode.Overrides{
		`{"autoupdate":{env:AU}}`: {},
		`{"provider":{"opencode-go":{"options":{"apiKey":{env:KEY},"baseURL":{env:URL}}}}}`: {Key: opencode.Reference, BaseURL: true},
		`{"provider":{"opencode-go":{"options":{"apiKey":"{env:KEY}",{env:MORE}}}}}`:        {Key: opencode.Reference},
		`{"provider":{"opencode-go":{"options":{"apiKey":"sk-mine-{file:x}"}}}}`:            {Key: opencode.Reference},
		`{"provider":{env:P}}`: {},
	} {
		o, err := opencode.ReadOverrides([]byte(text), "")
		require.NoError(t, err, text)
		assert.Equal(t, want, o, text)
	}
}

// A key in a configuration is found and removed even if the configuration contains references,
// which are not JSON.
func TestLoginsBesideReferences(t *testing.T) {
	const config = `{"autoupdate":{env:AU}, {file:x}, "provider":{"opencode-go":{"options":{"timeout":{env:T},"apiKey":"K"}},"opencode":{"options":{"apiKey":{env:Z}}}}}`
	l, err := opencode.ReadLogins([]byte(config), nil)
	require.NoError(t, err)
	require.Len(t, l.Found, 1)
	assert.Equal(t, "K", l.Found[0].Key.Reveal())
	after, err := opencode.ScrubLogins([]byte(config), these("K"))
	require.NoError(t, err)
	assert.Equal(t, strings.Replace(config, `,"apiKey":"K"`, "", 1), string(after))
}

var envReference = regexp.MustCompile(`\{env:([^}]+)\}`)

// FuzzReferences merges our settings into a configuration with references, and then replaces the
// references as OpenCode does. The result must equal the user's configuration, except for our
// settings.
func FuzzReferences(f *testing.F) {
	for _, text := range []string{
		`{"autoupdate":{env:A},"b":"{env:C}","plugin":[{env:B},{"x":-{env:C}}],"provider":{"opencode-go":{"models":{"m":{env:B}}}}}`,
		`{"a":"<&>{env:A}","keybinds":{"{env:C}":{env:C}{env:C}}, // {env:A}` + "\n" + `/* {env:B} */ "n":{env:C}.5 ,}`, `{"a":"{file:{env:C}/&}"}`, `{"{env:C}":{}}`,
	} {
		f.Add(text)
	}
	values := strings.NewReplacer("{env:A}", "true", "{env:B}", `[1,{}]`, "{env:C}", "7")
	f.Fuzz(func(t *testing.T, text string) {
		merged, err := opencode.MergeConfig(text, gateway)
		if err != nil {
			return
		}
		user, both := values.Replace(text), values.Replace(merged)
		if envReference.MatchString(user) || !object(user) {
			return // the text refers to another variable, or is not a configuration that OpenCode can read
		}
		if !object(both) {
			t.Fatalf("%q became %q, which OpenCode does not read", text, merged)
		}
		if before, after := withoutOurs(t, user), withoutOurs(t, both); !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", text, merged)
		}
	})
}

// object reports whether the text is a JSON object, comments allowed.
func object(text string) bool {
	value, err := hujson.Parse([]byte(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\ufeff"))))
	if err != nil {
		return false
	}
	value.Standardize()
	var config map[string]any
	return json.Unmarshal(value.Pack(), &config) == nil && config != nil
}
