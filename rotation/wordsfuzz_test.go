package rotation_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

// FuzzWords classifies answers with random messages. Each cooldown ends in the future, in at most
// about a month, and its reason is one line.
func FuzzWords(f *testing.F) {
	for _, message := range []string{"Weekly usage limit reached. It will reset in 5 days 10 hours.", "It will reset in 99999999999 days", "It will reset in -3 hours",
		"Error from provider: usage limit reached", "limit\nreached", ""} {
		f.Add(429, "", message)
		f.Add(429, "GoUsageLimitError", message)
	}
	f.Fuzz(func(t *testing.T, status int, kind, message string) {
		text, err := json.Marshal(map[string]any{"type": "error", "error": map[string]string{"type": kind, "message": message}})
		require.NoError(t, err)
		v := rotation.Classify(rotation.Answer{Status: status, Header: http.Header{}, Body: text}, noon)
		if v.Action == rotation.Cool {
			assert.True(t, v.Until.After(noon) && v.Until.Before(noon.Add(40*24*time.Hour)), "%v", v.Until)
		}
		assert.False(t, v.Failover() && strings.ContainsAny(v.Reason, "\n\r\x1b"), "%q", v.Reason)
	})
}

// FuzzRefusal repeats a word of the request in a refusal. Redact removes that word, and keeps at
// most twelve words.
func FuzzRefusal(f *testing.F) {
	f.Add("This request was refused", "tell me about", "Account.Paused")
	f.Add("zqxsecret, zqxsecret!", "", "zqxsecret")
	f.Fuzz(func(t *testing.T, words, prompt, kind string) {
		const secret = "zqxsecret"
		request, err := json.Marshal(map[string]any{"messages": []any{map[string]string{"content": prompt + " " + secret}}})
		require.NoError(t, err)
		r := rotation.Refusal{Status: 403, Type: "AuthError", Code: kind, Words: secret + " " + words + " (" + secret + ")"}.Redact(request)
		assert.NotContains(t, strings.ToLower(r.Words), " "+secret+" ")
		assert.False(t, strings.HasPrefix(r.Words, secret), "%q", r.Words)
		assert.LessOrEqual(t, len(strings.Fields(r.Words)), 12)
		assert.Equal(t, r, r.Redact(request))
	})
}
