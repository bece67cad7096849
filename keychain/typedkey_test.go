package keychain_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

func TestParseTypedKey(t *testing.T) {
	for raw, want := range map[string]string{
		"key":                             "key",
		" key\r\n":                        "key",
		"\ufeffkey\r\n":                   "key",
		`"key"`:                           "key",
		"'key'\n":                         "key",
		"`key`":                           "key",
		"“key”":                           "key",
		"OPENCODE_API_KEY=key":            "key",
		"export OPENCODE_API_KEY='key'\n": "key",
		`$env:OPENCODE_API_KEY = "key"`:   "key",
		"set OPENCODE_API_KEY=key\r\n":    "key",
		"Authorization: Bearer key":       "",
		"Bearer key":                      "key",
		"\x1b[200~key\x1b[201~":           "key",
		"\x1b[200~key":                    "key", // the paste ended with a line break
		"\x1b[200~\"key\"\n\x1b[201~":     "key",
		"export X='key":                   "",
		"OPENCODE_API_KEY=":               "OPENCODE_API_KEY=",
		"a-Z_0.9/+=~!":                    "a-Z_0.9/+=~!",
		"abcKEY=def":                      "abcKEY=def",
		"\x1b[200~OPENCODE_API_KEY=`key`\x1b[201~": "key",
	} {
		got, err := keychain.ParseTypedKey(raw)
		assert.Equal(t, want, got.Reveal(), "%q", raw)
		assert.Equal(t, want == "", err != nil, "%q", raw)
	}
	for _, raw := range []string{"", "\n", `""`, "\x1b[200~\x1b[201~", "' '"} {
		_, err := keychain.ParseTypedKey(raw)
		require.ErrorIs(t, err, keychain.ErrNoKey, "%q", raw)
		require.ErrorIs(t, err, keychain.ErrInvalidKey, "%q", raw)
	}
	_, err := keychain.ParseTypedKey(`"` + marker + ` x"`)
	require.ErrorIs(t, err, keychain.ErrInvalidKey)
	noMarker(t, "quoted", fmt.Sprintf("%v %+v", err, err))
}
