package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plain accepts the usual command lines. For every command line that it accepts, in any
// environment, its result is the same as kong's.
func TestPlainIsWhatKongReads(t *testing.T) {
	words := []string{"", "get", "store", "erase", "--json", "--pid", "--pid=7", "7", "007", "-7", "0", "--pid=", "--format", "--format=git", "json", "--format=xml",
		"--json=false", "-q", "--", "--store=file", "--help-me", "plain"}
	environments := []map[string]string{
		nil, {"OCGO_KEY_STORE": "file", "OCGO_KEY_IDENTITY": "/id"}, {"OCGO_KEY_BASE_URL": "http://127.0.0.1:1"}, {"OCGO_KEY_BASE_URL": ""}, {"OCGO_KEY_STORE": ""},
	}
	for _, environment := range append(environments, nil) {
		for _, name := range []string{"OCGO_KEY_STORE", "OCGO_KEY_IDENTITY", "OCGO_KEY_BASE_URL"} {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
		for name, value := range environment {
			t.Setenv(name, value)
		}
		for _, one := range words {
			for _, two := range words {
				for _, three := range []string{"", "--json", "get", "git"} {
					args := strings.Fields("get " + one + " " + two + " " + three)
					var plain grammar
					if !plain.plain(args) {
						continue
					}
					var whole grammar
					part, complete := whole.part(args[0])
					parser, err := newParser(part, newApp())
					require.NoError(t, err)
					_, err = parser.Parse(args)
					require.NoError(t, err, "%q", args)
					complete()
					assert.Equal(t, whole, plain, "%q, %v", args, environment)
				}
			}
		}
	}
	for _, usual := range []string{"get", "get --pid 12", "get --format git get", "get --format=json", "get --json", "get --format engflow get"} {
		assert.True(t, new(grammar).plain(strings.Fields(usual)), usual)
	}
	for _, odd := range []string{"list", "get --help", "get -q", "get --pid", "get --pid x", "get what"} {
		assert.False(t, new(grammar).plain(strings.Fields(odd)), odd)
	}
}
