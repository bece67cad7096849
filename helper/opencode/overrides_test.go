package opencode

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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
	assert.Equal(t, []ModelOverride{{"kimi-k2.6", []string{"apiKey", "baseURL"}}, {"with an unusual name", []string{"apiKey"}}, {"glm-5", []string{"baseURL"}}},
		ModelOverrides([]byte(config), "ocgo-"))
	assert.Empty(t, ModelOverrides([]byte("["), "ocgo-"))
}
