package opencode_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tailscale/hujson"

	"ocgo-key/helper/opencode"
	"ocgo-key/keychain"
)

// shown formats a login for a test: "entry|label|key|off|problem".
func shown(l opencode.Logins) []string {
	var all []string
	for _, login := range l.Found {
		off := ""
		if login.Disabled {
			off = "off"
		}
		problem := strings.TrimPrefix(login.Problem, "not a usable key: ")
		all = append(all, strings.TrimRight(strings.Join([]string{login.Entry, login.Label, login.Key.Reveal(), off, problem}, "|"), "|"))
	}
	return all
}

func TestReadLogins(t *testing.T) {
	for name, tt := range map[string]struct {
		text, rotation string
		want           []string
		last           int
	}{
		"auth.json": {`{"anthropic":{"type":"api","key":"other"},"opencode-go":{"type":"api","key":"k1"},"opencode":{"type":"api","key":"k2"}}`, "",
			[]string{"opencode-go|opencode-go|k1", "opencode|opencode|k2"}, -1},
		"logins without a key": {`{"opencode-go":{"type":"oauth","access":"a","key":"k"},"opencode":"k","x":1}`, "", nil, -1},
		"a key that is none":   {`{"opencode-go":{"type":"api","key":" "},"opencode":{"type":"api","key":7}}`, "", []string{"opencode-go||||it is empty", "opencode||||it is empty"}, -1},
		"JSONC with a mark":    {"\ufeff// mine\n{\"opencode\\u002dgo\": {\"type\": \"api\", /* it */ \"key\": \"k\\u0031\",},}\n", "", []string{"opencode-go|opencode-go|k1"}, -1},
		"an empty object":      {`{}`, "", nil, -1},
		"nothing":              {"", "", nil, -1},
		"accounts": {`{"version":1,"accounts":[{"apiKey":"k1","label":"Work","addedAt":1,"enabled":true},{"apiKey":"k2","addedAt":2,"enabled":false}],"rotationIndex":1}`, "",
			[]string{"account 1|Work|k1", "account 2||k2|off"}, 1},
		"accounts by other names":  {`{"accounts":[{"key":"k1","name":"A","disabled":true}],"activeIndex":0}`, "", []string{"account 1|A|k1|off"}, 0},
		"the rotation file wins":   {`{"accounts":[{"apiKey":"k1"},{"apiKey":"k2"}],"rotationIndex":1}`, `{"lastUsedIndex":0}`, []string{"account 1||k1", "account 2||k2"}, 0},
		"nobody was first":         {`{"accounts":[{"apiKey":"k1"}],"rotationIndex":0}`, `{"lastUsedIndex":-1}`, []string{"account 1||k1"}, -1},
		"a broken rotation file":   {`{"accounts":[{"apiKey":"k1"}],"rotationIndex":0}`, `{"lastUs`, []string{"account 1||k1"}, 0},
		"a position out of bounds": {`{"accounts":[{"apiKey":"k1"}],"rotationIndex":7}`, "", []string{"account 1||k1"}, -1},
		"odd accounts": {`{"accounts":[null,"k",{},{"apiKey":"a b","label":"a b"},{"apiKey":"k5","label":9,"enabled":"no"}],"rotationIndex":"x"}`, "",
			[]string{"account 1||||the entry is not an account", "account 2||||the entry is not an account", "account 3||||it is empty", "account 4||||it has a space in it", "account 5||k5"}, -1},
		"a key for a label": {`{"accounts":[{"apiKey":"k123","label":"my k123"},{"apiKey":"k2","label":"sk-other"}]}`, "", []string{"account 1||k123", "account 2||k2"}, -1},
		"two keys in one entry": {`{"opencode-go":{"type":"api","key":"k1","key":"k2"},"accounts":[{"apiKey":"k3","key":"k4","label":"A"}]}`, "",
			[]string{"opencode-go||||the entry has more than one key", "account 1||||the entry has more than one key"}, -1},
	} {
		var rotation []byte
		if tt.rotation != "" {
			rotation = []byte(tt.rotation)
		}
		l, err := opencode.ReadLogins([]byte(tt.text), rotation)
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, shown(l), name)
		assert.Equal(t, tt.last, l.Last, name)
	}
}

const (
	listKey  = "sk-0000000000000001"
	otherKey = "sk-0000000000000002"
	loneKey  = "abcdefghij_0123456-9"
)

func TestReadKeys(t *testing.T) {
	for line, want := range map[string]string{
		"K": "||K", "\ufeffK": "||K", "  K\t\r": "||K", "'K'": "||K", loneKey: "||" + loneKey, "SK-0000000000000001": "||SK-0000000000000001",
		"Work\tK": "|Work|K", "My Home  K": "|My Home|K", "Work=K": "|Work|K", "Work = K": "|Work|K", "Work =K": "|Work|K", "Work account=K": "|Work account|K",
		"Work,K": "|Work|K", "W;K": "|W|K", "W; \"K\"": "|W|K", `"Work","K"`: "|Work|K", "export X=K": "|X|K", `export X="K"`: "|X|K", "W==K": "|W|K",
		"oc_sk_0000000000": "||oc_sk_0000000000", "Work oc_sk_0000000000": "|Work|oc_sk_0000000000",
		loneKey + " K": "||K", "# K": "", "": "", " \t": "",
	} {
		l, err := opencode.ReadKeys([]byte(strings.ReplaceAll(line, "K", listKey)), nil)
		require.NoError(t, err, line)
		assert.True(t, l.List || line == "" || line == " \t", line)
		var all []string
		if want != "" {
			all = []string{"line 1" + strings.ReplaceAll(want, "K", listKey)}
		}
		assert.Equal(t, all, shown(l), line)
	}
	for _, line := range []string{"word", "the last word of a line", "sk-short", "Work sk-short", "Work " + loneKey, "K Work", "K K", "Work K # main", "Work K,", "Work K=", "Work=\"\"",
		"Work \u00e9", "K==", "K=x", "K;x", "Work=K=x", "=K", ",K", "Work:K", "Work'K", "Work K'", "Work \"K'", "export X", "----------------------", "sk-x K", "oc_sk_x K", "oc_sk_short", "Work oc_sk_short",
		"PATH=/usr/bin:/bin", "cd /tmp && make", "<p>K</p>", "Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "sk-" + strings.Repeat("x", keychain.MaxSecretSize)} {
		text := "K\n\n# mine\n" + line + "\nWork K\n"
		_, err := opencode.ReadKeys([]byte(strings.ReplaceAll(text, "K", listKey)), nil)
		require.ErrorIs(t, err, opencode.ErrList, line)
		require.ErrorIs(t, err, opencode.ErrLogins, line)
		assert.Equal(t, "no logins can be read: not every line is a key, or a label and a key: line 4", err.Error())
	}
	_, err := opencode.ReadKeys([]byte(strings.Repeat("a\n", 12)), nil)
	assert.ErrorContains(t, err, ": lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more")
	l, err := opencode.ReadKeys([]byte("{"+goLogin+"}"), nil)
	require.NoError(t, err)
	assert.False(t, l.List)
	assert.Len(t, l.Found, 1)
}

func TestReadLoginsRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"cut off": `{"opencode-go":{"type":"api","key":"sk-secret`, "a literal": `{"opencode-go": sk-secret}`, "an array": `["sk-secret"]`,
		"more behind it": `{"x":1} sk-secret`, "UTF-16": "\xff\xfes\x00k\x00-\x00", "not text": "sk-secret\x00", "deep": "{\"sk-secret\":" + strings.Repeat("[", 1000),
		"large": strings.Repeat("sk-secret\n", opencode.MaxLoginFile/9), "many": strings.Repeat("sk-secret-0123456789\n", 1001), "a comment alone": "// sk-secret\n", "a list of words": "sk-secret\n",
	} {
		for _, read := range []func(_, _ []byte) (opencode.Logins, error){opencode.ReadLogins, opencode.ReadKeys} {
			_, err := read([]byte(text), nil)
			require.ErrorIs(t, err, opencode.ErrLogins, name)
			assert.NotContains(t, err.Error(), "secret", name)
		}
		_, err := opencode.ScrubLogins([]byte(text), func(keychain.Secret) bool { return true })
		require.ErrorIs(t, err, opencode.ErrLogins, name)
	}
	// OpenCode's own files are never read as lists.
	_, err := opencode.ReadLogins([]byte(listKey+"\n"), nil)
	require.EqualError(t, err, "no logins can be read: the content is not JSON")
}

// these returns a function that returns true only for these keys.
func these(keys ...string) func(keychain.Secret) bool {
	return func(key keychain.Secret) bool { return slices.Contains(keys, key.Reveal()) }
}

const (
	goLogin  = `"opencode-go": {"type": "api", "key": "K"}`
	zenLogin = `"opencode": {"type": "api", "key": "Z"}`
)

// Each case is a file and the expected result. GO and ZEN stand for logins.
func TestScrubLogins(t *testing.T) {
	for _, tt := range []struct{ before, after string }{
		{`{GO}`, `{}`},
		{`{ GO }`, `{ }`},
		{"{\n  GO\n}\n", "{\n}\n"},
		{"{\n  GO,\n}\n", "{\n}\n"},
		{"{\n  \"a\": 1,\n  GO\n}\n", "{\n  \"a\": 1\n}\n"},
		{"{\n  \"a\": 1,\n  GO,\n}\n", "{\n  \"a\": 1,\n}\n"},
		{"{\n  GO,\n  \"a\": 1.50\n}\n", "{\n  \"a\": 1.50\n}\n"},
		{"{\n\t\"a\": 1,\n\tGO,\n\t\"b\" : [ 2 ]\n}", "{\n\t\"a\": 1,\n\t\"b\" : [ 2 ]\n}"},
		{"{\r\n  \"a\": 1,\r\n  GO,\r\n  \"b\": 2\r\n}\r\n", "{\r\n  \"a\": 1,\r\n  \"b\": 2\r\n}\r\n"},
		{"{\r\n  \"a\": 1,\r\n  GO\r\n}\r\n", "{\r\n  \"a\": 1\r\n}\r\n"},
		{`{"a":1,GO,"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1,GO,ZEN}`, `{"a":1}`},
		{`{GO,ZEN,"a":1,}`, `{"a":1,}`},
		{`{GO , "a":1}`, `{"a":1}`},
		{"{GO,GO}", "{}"},
		{"\ufeff{GO}\n", "\ufeff{}\n"},
		{"// top\n{\n  // of go\n  GO,\n  // of a\n  \"a\": 1\n}\n// end\n", "// top\n{\n  // of go\n  // of a\n  \"a\": 1\n}\n// end\n"},
		{"{\n  \"a\": 1, // of a\n  GO, // of go\n  \"b\": 2\n}\n", "{\n  \"a\": 1, // of a\n  // of go\n  \"b\": 2\n}\n"},
		{"{\n  \"a\": 1, // of a\n  GO\n}\n", "{\n  \"a\": 1 // of a\n}\n"},
		{"{\n  \"a\": 1 /* x */, // of a */\n  GO }\n", "{\n  \"a\": 1 /* x */ // of a */\n }\n"},
		{"{\n  \"a\": 1, /* of a */\n  GO, // of go\n}\n", "{\n  \"a\": 1, /* of a */\n // of go\n}\n"},
		{"{\n  GO /* in */,\n  \"a\": 1\n}\n", "{\n   /* in */\"a\": 1\n}\n"},
		{`{"accounts":[{"apiKey":"K","label":"x"},{"apiKey":"other"}],"rotationIndex":1}`, `{"accounts":[{"apiKey":"other"}],"rotationIndex":1}`},
		{"{\n  \"accounts\": [\n    {\n      \"apiKey\": \"other\"\n    },\n    {\n      \"apiKey\": \"K\"\n    }\n  ],\n  \"rotationIndex\": 1\n}\n",
			"{\n  \"accounts\": [\n    {\n      \"apiKey\": \"other\"\n    }\n  ],\n  \"rotationIndex\": 1\n}\n"},
		{`{"accounts":[{"apiKey":"K"},{"key":"Z"}]}`, `{"accounts":[]}`},
		{"# mine\nLIST\n\nWork\tLIST\nOTHER\nSpare=LIST", "# mine\n\nOTHER\n"},
		{"a\tLIST\r\nb\tOTHER\r\n", "b\tOTHER\r\n"},
		{"\ufeffLIST\nOTHER\n", "\ufeffOTHER\n"},
		{"OTHER\n", "OTHER\n"},
		// An entry stays if more than the key would be lost. It goes if it has only the key and
		// information about the account.
		{`{"opencode-go":{"type":"api","key":"K","metadata":{"a":"b"}},"opencode":{"type":"api","key":"Z","label":"x"}}`, `{"opencode-go":{"type":"api","key":"K","metadata":{"a":"b"}}}`},
		{`{"accounts":[{"apiKey":"K","cookie":"c"},{"apiKey":"K","enabled":true,"lastUsed":1}]}`, `{"accounts":[{"apiKey":"K","cookie":"c"}]}`},
		{`{"accounts":[{"apiKey":"K","label":"sk-other"},{"apiKey":"K","label":["x"]}]}`, `{"accounts":[{"apiKey":"K","label":"sk-other"},{"apiKey":"K","label":["x"]}]}`},
		{`{"opencode-go":{"type":"api","key":"K","key":"other"}}`, `{"opencode-go":{"type":"api","key":"K","key":"other"}}`},
		{`{"opencode-go":{"type":"api","key":"other","key":"K"}}`, `{"opencode-go":{"type":"api","key":"other","key":"K"}}`},
		{`{"opencode-go":{"type":"oauth","access":"K"}, "x":"K"}`, `{"opencode-go":{"type":"oauth","access":"K"}, "x":"K"}`},
	} {
		lists := strings.NewReplacer("LIST", listKey, "OTHER", otherKey)
		before := lists.Replace(strings.NewReplacer("GO", goLogin, "ZEN", zenLogin).Replace(tt.before))
		kept := strings.Clone(before)
		after, err := opencode.ScrubLogins([]byte(before), these("K", "Z", listKey))
		require.NoError(t, err, tt.before)
		assert.Equal(t, lists.Replace(tt.after), string(after), tt.before)
		assert.Equal(t, kept, before, "ScrubLogins must not change the source")
	}
}

func TestScrubTakesOnlyWhatIsTaken(t *testing.T) {
	text := "{" + goLogin + "," + zenLogin + "}"
	after, err := opencode.ScrubLogins([]byte(text), these("Z"))
	require.NoError(t, err)
	assert.Equal(t, "{"+goLogin+"}", string(after))
	after, err = opencode.ScrubLogins([]byte(text), these())
	require.NoError(t, err)
	assert.Equal(t, text, string(after))
}

// Stays names the members that would be lost, unless a name may be a key.
func TestStays(t *testing.T) {
	for entry, want := range map[string]string{
		`"type":"api","key":"K","addedAt":1`: "", `"type":"api","key":"K","cookie":"c","metadata":{}`: "the entry contains more than a key (cookie, metadata)",
		`"type":"api","key":"K","sk-x1":"c"`: "the entry contains more than a key (an unknown member)",
	} {
		l, err := opencode.ReadLogins([]byte(`{"opencode-go":{`+entry+`}}`), nil)
		require.NoError(t, err)
		require.Len(t, l.Found, 1)
		assert.Equal(t, want, l.Found[0].Stays)
	}
}

func TestLoginFiles(t *testing.T) {
	env := map[string]string{}
	files := func() []string {
		return opencode.LoginFiles(func(name string) string { return env[name] }, filepath.FromSlash("/h"))
	}
	slashes := func(paths ...string) []string {
		for i := range paths {
			paths[i] = filepath.FromSlash(paths[i])
		}
		return paths
	}
	assert.Equal(t, slashes("/h/.config/opencode/opencode-go-accounts.json", "/h/.local/share/opencode/opencode-go-accounts.json", "/h/.local/share/opencode/auth.json"), files())
	root := t.TempDir() // absolute on every system
	env["XDG_DATA_HOME"], env["XDG_CONFIG_HOME"], env["OPENCODE_CONFIG_DIR"] = filepath.Join(root, "d"), "relative", filepath.Join(root, "oc")
	assert.Equal(t, []string{filepath.FromSlash("/h/.config/opencode/opencode-go-accounts.json"), filepath.Join(root, "d", "opencode", "opencode-go-accounts.json"),
		filepath.Join(root, "oc", "opencode-go-accounts.json"), filepath.Join(root, "d", "opencode", "auth.json")}, files())
}

// FuzzLogins removes the keys of odd length from any text. The result must be readable and have
// exactly the other keys. In JSON no other member may change.
func FuzzLogins(f *testing.F) {
	for _, text := range []string{"{" + goLogin + "}", "{\n  \"a\": 1, // x\n  " + goLogin + ",\n" + zenLogin + ",\n}", "Work\t" + listKey + "\n# x\n" + loneKey + "\nA=sk-00000000000000003\n",
		`{"version":1,"accounts":[{"apiKey":"K","label":"x"},{"apiKey":"other","enabled":false},],"rotationIndex":1}`, "\ufeff{/**/}", "{\"opencode\":{},\"accounts\":[[],1,]}",
		`{"provider":{"opencode-go":{"options":{"baseURL":"x",/**/"apiKey":"K"//
			,"apiKey":"{env:X}",}},"opencode":{"options":{"apiKey":"other"}},},"provider":{}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		original := bytes.Clone(text)
		before, err := opencode.ReadKeys(text, text)
		if err != nil {
			return
		}
		if before.Last < -1 || before.Last >= max(1, len(before.Found)) {
			t.Fatalf("position %d of %d", before.Last, len(before.Found))
		}
		taken := func(key keychain.Secret) bool { return key.Len()%2 == 1 }
		after, err := opencode.ScrubLogins(text, taken)
		if err != nil && before.List {
			return // ScrubLogins refuses a list if the rest of it could look like JSON
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !bytes.Equal(text, original) {
			t.Fatal("ScrubLogins changed the source")
		}
		left, err := opencode.ReadKeys(after, nil)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, login := range before.Found {
			if login.Problem != "" || login.Stays != "" || !taken(login.Key) {
				want = append(want, fmt.Sprint(login.Label, login.Key.Reveal(), login.Disabled, login.Problem))
			}
		}
		var got []string
		for _, login := range left.Found {
			got = append(got, fmt.Sprint(login.Label, login.Key.Reveal(), login.Disabled, login.Problem))
		}
		if !slices.Equal(want, got) {
			t.Fatalf("%q left %q, want %q", text, got, want)
		}
		if !slices.Equal(others(text), others(after)) {
			t.Fatalf("%q became %q: another member changed", text, after)
		}
	})
}

// others returns the members of a JSON text that are not logins, as written.
func others(text []byte) []string {
	value, err := hujson.Parse(bytes.TrimPrefix(text, []byte("\ufeff")))
	root, ok := value.Value.(*hujson.Object)
	if err != nil || !ok {
		return nil
	}
	var all []string
	for _, m := range root.Members {
		literal := m.Name.Value.(hujson.Literal)
		if !slices.Contains([]string{"opencode-go", "opencode", "accounts", "provider"}, literal.String()) {
			all = append(all, string(literal)+":"+string(hujson.Value{Value: m.Value.Value}.Pack()))
		}
	}
	return all
}
