package rotation_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

// A refusal after Redact has the words of the service, and no words of the request.
func TestARefusalKeepsNothingOfThePrompt(t *testing.T) {
	for name, c := range map[string]struct{ prompt, message, want string }{
		"no shared word":  {"hi", "This account is paused by its owner", "This account is paused by its owner"},
		"common words":    {"why is this account paused", "This account is paused", "This account is paused"},
		"one word":        {"hunter2 swordfish", "Prompt hunter2 swordfish was flagged", "Prompt … was flagged"},
		"lines":           {"password:\nhunter2\nuser:\nbob", "Refused: password: hunter2 user: bob", "Refused: … user: …"},
		"other alphabets": {"内容我的秘密花园", "内容违规：我的秘密花园有围墙", ""},
		"accents":         {"gärten sind schön", "Blocked: gärten sind schön", "Blocked: …"},
		"case and spaces": {"My  Secret GARDEN", "flagged: my secret   garden", "flagged: …"},
		"a number":        {"4111111111111111", "card 4111111111111111 refused", "card … refused"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"messages": []any{map[string]string{"role": "user", "content": c.prompt}}})
			require.NoError(t, err)
			assert.Equal(t, c.want, rotation.Refusal{Status: 403, Words: c.message}.Redact(body).Words)
		})
	}
	r := rotation.Refusal{Status: 403, Type: "flagged: my secret garden", Code: "Account.Paused"}.Redact([]byte(`{}`))
	assert.Empty(t, r.Type)
	assert.Equal(t, "Account.Paused", r.Code)
}
