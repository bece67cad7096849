package opencode_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
	"ocgo-key/keychain"
)

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestUserConfigs(t *testing.T) {
	root := t.TempDir()
	home, work := filepath.Join(root, "home"), filepath.Join(root, "work")
	deep := filepath.Join(work, "project", "a")
	require.NoError(t, os.MkdirAll(filepath.Join(work, "project", ".git"), 0o700))
	relative := func(files []string) []string {
		short := make([]string, len(files))
		for i, file := range files {
			short[i] = filepath.ToSlash(strings.TrimPrefix(file, root+string(os.PathSeparator)))
		}
		return short
	}
	assert.Equal(t, []string{
		"home/.config/opencode/config.json", "home/.config/opencode/opencode.json", "home/.config/opencode/opencode.jsonc",
		"work/project/opencode.json", "work/project/opencode.jsonc", "work/project/a/opencode.json", "work/project/a/opencode.jsonc",
		"work/project/a/.opencode/opencode.json", "work/project/a/.opencode/opencode.jsonc",
		"work/project/.opencode/opencode.json", "work/project/.opencode/opencode.jsonc",
		"home/.opencode/opencode.json", "home/.opencode/opencode.jsonc",
	}, relative(opencode.UserConfigs(environment(nil), home, deep)))
	assert.Equal(t, []string{
		"xdg/opencode/config.json", "xdg/opencode/opencode.json", "xdg/opencode/opencode.jsonc", "work/project/a/mine.json",
		"home/.opencode/opencode.json", "home/.opencode/opencode.jsonc", "folder/opencode.json", "folder/opencode.jsonc",
	}, relative(opencode.UserConfigs(environment(map[string]string{"XDG_CONFIG_HOME": filepath.Join(root, "xdg"), "OPENCODE_CONFIG": "mine.json",
		"OPENCODE_CONFIG_DIR": filepath.Join(root, "folder"), "OPENCODE_DISABLE_PROJECT_CONFIG": "true"}), home, deep)))
	assert.Contains(t, opencode.UserConfigs(environment(nil), home, work), filepath.Join(filepath.Dir(root), "opencode.json"), "without a git repository, all folders up to the root are searched")
}

func TestManagedConfigs(t *testing.T) {
	none := environment(nil)
	assert.Equal(t, filepath.FromSlash("/etc/opencode/opencode.jsonc"), opencode.ManagedConfigs("linux", none)[1])
	assert.Equal(t, filepath.FromSlash("/Library/Application Support/opencode/opencode.json"), opencode.ManagedConfigs("darwin", none)[0])
	assert.Equal(t, filepath.Join(`D:\Data`, "opencode", "opencode.json"), opencode.ManagedConfigs("windows", environment(map[string]string{"ProgramData": `D:\Data`}))[0])
	assert.Equal(t, filepath.Join("x", "opencode.json"), opencode.ManagedConfigs("linux", environment(map[string]string{"OPENCODE_TEST_MANAGED_CONFIG_DIR": "x"}))[0])
}

func TestReadOverrides(t *testing.T) {
	in := func(options string) string { return `{"provider": {"opencode-go": {"options": {` + options + `}}}}` }
	for text, want := range map[string]opencode.Overrides{
		"": {}, "{}": {}, "\ufeff{ /* none */ }": {}, in(""): {},
		in("\"baseURL\": \"https://x\", // there\n"):                                    {BaseURL: true},
		in(`"apiKey": "a key",`):                                                        {Key: opencode.Literal},
		in(`"apiKey": "{env:MINE}"`):                                                    {Key: opencode.Reference},
		in(`"apiKey": "{file:~/key}", "baseURL": "x"`):                                  {Key: opencode.Reference, BaseURL: true},
		in(`"apiKey": "ocgo-0123", "baseURL": "x"`):                                     {Key: opencode.Literal, StandsIn: true, BaseURL: true},
		in(`"apiKey": "", "baseURL": "", "timeout": 1`):                                 {},
		in(`"headers": {"Authorization": "Bearer x", "X-API-Key": "y", "X-Note": "z"}`): {Headers: []string{"Authorization", "X-API-Key"}},
		in(`"headers": {"authorization": ""}, "baseURL": {env:URL}`):                    {BaseURL: true},
		in(`"apiKey": {file:~/key}`):                                                    {Key: opencode.Reference},
		in(`"apiKey": 5`):                                                               {},
		`{"provider": {"opencode": {"options": {"apiKey": "zen"}}}}`:                    {},
		`{"provider": []}`:                                                              {},
		`{"provider": {"opencode-go": "x"}}`:                                            {},
	} {
		got, err := opencode.ReadOverrides([]byte(text), "ocgo-")
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, want.BaseURL || want.Key != opencode.NoKey || want.Headers != nil, got.Any())
	}
	assert.Equal(t, "baseURL, apiKey, headers.X", opencode.Overrides{BaseURL: true, Key: opencode.Reference, Headers: []string{"X"}}.Names())
	for _, bad := range []string{"{", "[]", "hello", `{"provider": sk-marker}`, strings.Repeat("[", 500)} {
		_, err := opencode.ReadOverrides([]byte(bad), "ocgo-")
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "marker")
	}
}

// Another address or key is found wherever a configuration may set it.
func TestReadOverridesInAllForms(t *testing.T) {
	for text, want := range map[string]opencode.Overrides{
		`{"provider":{"opencode-go":{"options":{"headers":{"authorization":"a","X-Api-Key":"b","x-other":"c"}}}}}`:                {Headers: []string{"authorization", "X-Api-Key"}},
		`{"provider":{"opencode-go":{"env":["MY_KEY",5,"OTHER"]}}}`:                                                               {Env: []string{"MY_KEY", "OTHER"}},
		`{"providers":{"opencode-go":{"env":["MY_KEY"]}}}`:                                                                        {Env: []string{"MY_KEY"}},
		`{"providers":{"opencode-go":{"settings":{"baseURL":"https://x"}}}}`:                                                      {BaseURL: true, Second: true},
		`{"providers":{"opencode-go":{"settings":{"apiKey":"{env:A}"}}}}`:                                                         {Key: opencode.Reference, Second: true},
		`{"providers":{"opencode-go":{"headers":{"Authorization":"a"}}}}`:                                                         {Headers: []string{"Authorization"}, Second: true},
		`{"providers":{"other":{"settings":{"apiKey":"k"}}},"provider":{"other":{"env":["X"]}}}`:                                  {},
		`{"provider":{"opencode-go":{"options":{"apiKey":"mine"}}},"providers":{"opencode-go":{"settings":{"apiKey":"ocgo-1"}}}}`: {Key: opencode.Literal},
		`{"provider":{"opencode-go":{"options":{"apiKey":"ocgo-1"}}},"providers":{"opencode-go":{"settings":{"apiKey":"mine"}}}}`: {Key: opencode.Literal},
	} {
		got, err := opencode.ReadOverrides([]byte(text), "ocgo-")
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

// A key in a configuration is read and removed like one in auth.json.
func TestLoginsInAConfiguration(t *testing.T) {
	const config = `{
  // Mine.
  "model": "opencode-go/kimi-k2.6",
  "provider": {
    "opencode-go": {
      "options": {
        "timeout": 5, // seconds
        "apiKey": "the-go-key",
      },
    },
    "opencode": {"options": {"apiKey": "the-zen-key", "baseURL": "https://example.com"}},
    "elsewhere": {"options": {"apiKey": "of another"}},
    "referring": {"options": {"apiKey": "{env:MINE}"}},
  },
}
`
	logins, err := opencode.ReadLogins([]byte(config), nil)
	require.NoError(t, err)
	require.Len(t, logins.Found, 2)
	assert.Equal(t, "provider opencode-go", logins.Found[0].Entry)
	assert.Equal(t, "opencode-go", logins.Found[0].Label)
	assert.Equal(t, "the-go-key", logins.Found[0].Key.Reveal())
	assert.Equal(t, "the-zen-key", logins.Found[1].Key.Reveal())

	left, err := opencode.ScrubLogins([]byte(config), func(key keychain.Secret) bool { return key.Reveal() == "the-go-key" })
	require.NoError(t, err)
	assert.Equal(t, strings.Replace(config, "        \"apiKey\": \"the-go-key\",\n", "", 1), string(left))
	left, err = opencode.ScrubLogins([]byte(config), func(keychain.Secret) bool { return true })
	require.NoError(t, err)
	assert.NotContains(t, string(left), "-key")
	assert.Contains(t, string(left), `"opencode": {"options": {"baseURL": "https://example.com"}}`)
	assert.Contains(t, string(left), "of another")

	second := []byte(`{"providers": {"opencode-go": {"env": [], "settings": {"apiKey": "the-go-key", "timeout": 5}}}}`)
	logins, err = opencode.ReadLogins(second, nil)
	require.NoError(t, err)
	require.Len(t, logins.Found, 1)
	assert.Equal(t, "providers opencode-go", logins.Found[0].Entry)
	left, err = opencode.ScrubLogins(second, these("the-go-key"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"providers": {"opencode-go": {"env": [], "settings": {"timeout": 5}}}}`, string(left))

	for _, reference := range []string{"{env:MINE}", "{file:/run/key}", ""} {
		logins, err := opencode.ReadLogins([]byte(`{"provider": {"opencode-go": {"options": {"apiKey": "`+reference+`"}}}}`), nil)
		require.NoError(t, err)
		assert.Empty(t, logins.Found)
	}
}
