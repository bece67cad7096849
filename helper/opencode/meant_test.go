package opencode_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper/opencode"
)

func TestMeant(t *testing.T) {
	for words, want := range map[string]string{
		"-m|opencode-go/kimi-k2.6":          "opencode|-m|opencode-go/kimi-k2.6",
		"-m|opencode-go/kimi-k2.6|say hi":   "opencode|run|-m|opencode-go/kimi-k2.6|say hi",
		"--continue":                        "opencode|--continue",
		"--port=4096":                       "opencode|--port=4096",
		"say hi":                            "opencode|run|say hi",
		"say hi|-m|opencode-go/kimi-k2.6":   "opencode|run|say hi|-m|opencode-go/kimi-k2.6",
		"run|hi":                            "opencode|run|hi",
		"serve|--port|4096":                 "opencode|serve|--port|4096",
		"mini":                              "opencode|mini",
		"web":                               "opencode|web",
		"opencode-go/kimi-k2.6":             "opencode|-m|opencode-go/kimi-k2.6",
		"-m|sk-0123456789abcdef0123456789x": "opencode|-m|[redacted]",
		"opencod":                           "",
		"./script":                          "",
		"make|all":                          "",
	} {
		argv, ok := opencode.Meant(strings.Split(words, "|"))
		assert.Equal(t, want, strings.Join(argv, "|"), words)
		assert.Equal(t, want != "", ok, words)
	}
}
