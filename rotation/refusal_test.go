package rotation_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

// After Redact, a refusal has no words of the request, only words of the service.
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

// Refusals of one kind are counted together, with an event at most once an hour. The latest kind
// comes first.
func TestRefusalsAreCounted(t *testing.T) {
	w := newWorld(t, "Work", "Spare")
	first := w.now()
	refuse := func(account int, code, words string) {
		o, err := w.Overview(t.Context())
		require.NoError(t, err)
		require.NoError(t, w.Refused(t.Context(), o.Accounts[account].Handout(), rotation.Refusal{Status: 403, Type: "x", Code: code, Words: words}))
	}
	events := func() (n int) {
		for _, e := range w.store.Events() {
			if e.Kind == "refused" {
				n++
			}
		}
		return n
	}
	refuse(0, "a", "one")
	w.pass(time.Minute)
	refuse(1, "b", "two")
	w.pass(time.Hour - time.Minute - time.Second)
	refuse(1, "a", "three")
	assert.Equal(t, 2, events(), "within an hour")
	w.pass(time.Hour)
	refuse(0, "a", "four")
	assert.Equal(t, 3, events(), "after an hour")
	all, err := w.Refusals(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, "403 x a: four", rotation.Describe(all[0]))
	assert.Equal(t, 3, all[0].Count)
	assert.Equal(t, "Work", all[0].Account, "the account of the latest")
	assert.Equal(t, first, all[0].First)
	assert.Equal(t, w.now(), all[0].Last)
	assert.Equal(t, "b", all[1].Code)

	for i := range 20 {
		refuse(0, fmt.Sprint("kind ", i), "")
	}
	all, err = w.Refusals(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 16)
	assert.Equal(t, "kind 19", all[0].Code)
	assert.Equal(t, "kind 4", all[15].Code, "the oldest are forgotten")
}
