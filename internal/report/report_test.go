package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/internal/keyform"
)

func TestTerminal(t *testing.T) {
	speak := func(silent, detailed bool) string {
		var out, err bytes.Buffer
		r := &Terminal{Out: &out, Err: &err}
		r.Level(silent, detailed)
		r.Say("added %s", "Work\x1b]0;x\a")
		r.Detail("more")
		r.Warn("careful", "look")
		r.Complain(errors.New("bad\nluck"), "")
		assert.Empty(t, out.String())
		return err.String()
	}
	const must = "ocgo-key: careful\nhint: look\nocgo-key: bad luck\n"
	assert.Equal(t, must, speak(true, true))
	assert.NotContains(t, speak(false, false), "more")
	assert.NotContains(t, speak(false, false), "\x1b")
	assert.Contains(t, speak(false, true), "ocgo-key: more\n"+must)

	var out bytes.Buffer
	r := &Terminal{Out: &out}
	assert.NoError(t, r.Print("%d\n", 1))
	assert.NoError(t, r.Document(map[string]string{"a": "<b>"}))
	assert.Equal(t, "1\n{\"a\":\"<b>\"}\n", out.String())
}

// A message that quotes what the user typed shows no key.
func TestNoMessageShowsAKey(t *testing.T) {
	key := "sk-" + strings.Repeat("a1", 20)
	var err bytes.Buffer
	r := &Terminal{Err: &err, detailed: true}
	for _, message := range []string{key, "--max-wait " + key + ": not a duration", "there is no store \"" + key + "\"", "--" + key + " is not a command"} {
		r.Say("%s", message)
		r.Detail("%s", message)
		r.Warn(message, message)
		r.Complain(errors.New(message), "did you mean `ocgo-key run -- "+key+"`?")
	}
	assert.NotContains(t, err.String(), key[:8])
	assert.Equal(t, 24, strings.Count(err.String(), keyform.Hidden))
}
