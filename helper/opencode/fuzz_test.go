package opencode_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/tailscale/hujson"

	"ocgo-key/helper/opencode"
	"ocgo-key/keychain"
)

// FuzzScrub removes all, half or none of the keys from any text. The result must be the text with
// some parts left out, or the same text if no key is removed.
func FuzzScrub(f *testing.F) {
	for _, text := range []string{
		"{" + goLogin + "}", "\ufeff{\r\n  \"a\": 1, // x\r\n  " + goLogin + " /* y */,\r\n" + zenLogin + ",\r\n}\r\n",
		`{"version":1,"accounts":[{"apiKey":"K","label":"x"}, // c` + "\n" + `{"apiKey":"other","enabled":false},],"rotationIndex":1}`,
		`{"provider":{"opencode-go":{"options":{"apiKey":"K","baseURL":"x"}},"opencode":{"options":{/*a*/"apiKey":"KK"}}},"model":"a/b"}`,
		"Work\t" + listKey + "\r\n# x\n" + loneKey + "\nexport A='" + otherKey + "'\n\n other , sk-00000000000000003 \n", listKey, "\ufeff# x\n" + listKey + "\n{",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, taken := range []func(keychain.Secret) bool{
			func(keychain.Secret) bool { return true },
			func(key keychain.Secret) bool { return key.Len()%2 == 1 },
		} {
			if after, err := opencode.ScrubLogins(text, taken); err == nil && !cutFrom(after, text) {
				t.Fatalf("%q became %q", text, after)
			}
		}
		after, err := opencode.ScrubLogins(text, func(keychain.Secret) bool { return false })
		if err == nil && !bytes.Equal(after, text) {
			t.Fatalf("no key was removed, but %q became %q", text, after)
		}
	})
}

// cutFrom reports whether part is what is left of whole after some bytes are removed.
func cutFrom(part, whole []byte) bool {
	for _, b := range whole {
		if len(part) > 0 && part[0] == b {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// FuzzConfig reads any text as a user's configuration. Errors must not quote it, and merging our
// settings into it must change only our provider's settings.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		`{"provider":{"opencode-go":{"options":{"apiKey":"sk-mine","baseURL":"https://x"},"models":{"a":{}}},"other":{"options":{"apiKey":"b"}}},"plugin":["a"]}`,
		"\ufeff// mine\n{\"provider\":{\"opencode-go\":{\"options\":{\"apiKey\":\"{env:KEY}\",},},},}", `{"provider":null,"model":1e400}`,
		`{"provider":{"opencode-go":{"options":[]}}}`, `{"provider":{"opencode-go":{"options":{}}},"provider":{}}`, `{"a":"\ud800","":{}}`, "", "null", "[", `{"Provider":1}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := opencode.ReadOverrides([]byte(text), "ocgo-")
		if err != nil && (o.Any() || err.Error() != "the content is not a JSON object") {
			t.Fatalf("%q: %+v, %v", text, o, err)
		}
		merged, err := opencode.MergeConfig(text, gateway)
		if err != nil {
			if words := err.Error(); len(text) > 30 && strings.Contains(words, text) {
				t.Fatalf("%q is quoted: %s", text, words)
			}
			return
		}
		if o, err := opencode.ReadOverrides([]byte(merged), opencode.PlaceholderKey); err != nil || !o.BaseURL || !o.StandsIn {
			t.Fatalf("%q became %q, in which ReadOverrides found %+v, %v", text, merged, o, err)
		}
		if strings.Contains(text, "{env:") || strings.Contains(text, "{file:") {
			return // a text with references need not be JSON; TestMergeConfig tests such texts
		}
		before, after := withoutOurs(t, text), withoutOurs(t, merged)
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", text, merged)
		}
	})
}

// withoutOurs returns a configuration without our settings, and without the objects that were
// created for them.
func withoutOurs(t *testing.T, text string) any {
	t.Helper()
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\ufeff"))
	if text == "" || text == "null" {
		return nil
	}
	value, err := hujson.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	value.Standardize()
	decoder := json.NewDecoder(bytes.NewReader(value.Pack()))
	decoder.UseNumber() // keeps numbers as written
	var config map[string]any
	if err := decoder.Decode(&config); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if config == nil {
		return nil
	}
	const id = opencode.GoProvider
	for _, path := range [][]string{
		{"provider", id, "env"}, {"provider", id, "options", "baseURL"}, {"provider", id, "options", "apiKey"}, {"provider", id, "options", "headers", "x-own"},
		{"providers", id, "env"}, {"providers", id, "settings", "baseURL"}, {"providers", id, "settings", "apiKey"}, {"providers", id, "headers", "x-own"},
	} {
		drop(config, path)
	}
	if len(config) == 0 {
		return nil
	}
	return config
}

// drop removes the value at path, and the objects along path that become empty.
func drop(config map[string]any, path []string) {
	child, ok := config[path[0]].(map[string]any)
	if ok && len(path) > 1 {
		drop(child, path[1:])
	}
	if len(path) == 1 || config[path[0]] == nil || ok && len(child) == 0 {
		for name := range config {
			if name == path[0] || len(path) == 1 && strings.EqualFold(name, path[0]) && strings.HasPrefix(path[0], "x-") {
				delete(config, name)
			}
		}
	}
}
