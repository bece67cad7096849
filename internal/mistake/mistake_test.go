package mistake_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/internal/mistake"
)

func TestNearest(t *testing.T) {
	names := []string{"--max-wait", "--on-429", "--account", "--only", "--verbose"}
	for word, want := range map[string]string{
		"--max-wiat": "--max-wait", "--maxwait": "--max-wait", "--acount": "--account", "--on-492": "--on-429",
		"--model": "", "--continue": "", "--version": "", "-m": "", "-c": "", "--port": "",
	} {
		got, ok := mistake.Nearest(word, names)
		assert.Equal(t, want, got, word)
		assert.Equal(t, want != "", ok, word)
	}
}

func TestNearWord(t *testing.T) {
	for word, want := range map[string]string{"login": "ocgo-key add", "Logs": "ocgo-key history", "exec": "ocgo-key run", "switch": "ocgo-key use"} {
		next, ok := mistake.NearWord(word)
		assert.True(t, ok, word)
		assert.Contains(t, next, want, word)
	}
	_, ok := mistake.NearWord("frobnicate")
	assert.False(t, ok)
}
