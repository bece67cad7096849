package keyform_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/internal/keyform"
)

const (
	first  = "sk-0123456789abcdef"
	second = "oc_sk_0123456789ab_0123456789abcdefghijklmnopqrstuv"
)

func TestForms(t *testing.T) {
	for _, key := range []string{first, second, strings.ToUpper(first), strings.ToUpper(second), "Oc_Sk_0123456789"} {
		assert.True(t, keyform.Begins(key), key)
		assert.True(t, keyform.Like(key), key)
		for _, around := range []string{"", "NAME=", `--key="`, "Bearer ", "a:"} {
			assert.True(t, keyform.Within(around+key), around+key)
			assert.Equal(t, strings.TrimSpace(around+" ")+gap(around)+keyform.Hidden, keyform.Hide(around+key))
		}
	}
	for _, short := range []string{"sk-", "oc_sk_", "sk-012345678901", "oc_sk_012345678"} {
		assert.True(t, keyform.Begins(short), short)
		assert.False(t, keyform.Like(short), short)
		assert.False(t, keyform.Within(short), short)
		assert.Equal(t, short, keyform.Hide(short))
	}
	for _, none := range []string{"", "s", "oc_", "Work", "oc-sk-0123456789abcdef", "sk_0123456789abcdef", "0123456789abcdef0123456789abcdef"} {
		assert.False(t, keyform.Begins(none), none)
		assert.False(t, keyform.Within(none), none)
	}
	assert.True(t, keyform.Within("--"+first), "a flag")
	assert.False(t, keyform.Within("--desk-in-the-office-upstairs"), "a flag that only contains the beginning of a key")
	assert.False(t, keyform.Within("desk-in-the-office-upstairs"), "a label")
	assert.False(t, keyform.Within("/home/me/sk-learn-experiments/auth.json"), "a path")
	assert.False(t, keyform.Within("sk-short and more words after it"), "a key contains no spaces")
}

// gap returns the white space that Hide leaves between a key and the text around it.
func gap(around string) string {
	if strings.HasSuffix(around, " ") {
		return " "
	}
	return ""
}

func FuzzHide(f *testing.F) {
	f.Add("key=" + first + ",\n" + second)
	f.Add("\u212a" + second) // a letter whose lower case has fewer bytes
	f.Fuzz(func(t *testing.T, s string) {
		hidden := keyform.Hide(s)
		for _, word := range strings.Fields(hidden) {
			for at := range len(word) {
				if keyform.Like(word[at:]) && !strings.Contains(word, keyform.Hidden) {
					t.Fatalf("%q is left of %q", word, s)
				}
			}
		}
		if strings.Contains(keyform.Hide("x "+s+" "+second), second) {
			t.Fatalf("a key is left beside %q", s)
		}
	})
}
