package keychain

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"ocgo-key/internal/text"
)

const (
	// maxForeignText is how many runes of another program's text are shown at most.
	maxForeignText = 200
	// leakLength is the least length, in bytes, of a part of a key that counts as a leak.
	leakLength = 5
)

// sanitize returns the text of an unknown error as one line of limited length. If the text contains
// a part of the secret, plain or in an encoding that keychains use, sanitize withholds the whole
// text.
func sanitize(err error, secret Secret) string {
	said := err.Error()
	if leaks(said, secret) {
		return fmt.Sprintf("its message is not shown, since it contains part of the key (%T)", err)
	}
	said = text.Tidy(said)
	if runes := []rune(said); len(runes) > maxForeignText {
		said = string(runes[:maxForeignText]) + "…"
	}
	return said
}

// leaks reports whether text contains a part of the secret, plain or encoded.
func leaks(text string, secret Secret) bool {
	if secret.IsZero() {
		return false
	}
	key := secret.Reveal()
	for _, form := range []string{
		key,
		strings.Trim(fmt.Sprintf("%q", key), `"`),
		strings.Trim(fmt.Sprint([]byte(key)), "[]"),
		base64.StdEncoding.EncodeToString([]byte(key)),
		hex.EncodeToString([]byte(key)),
	} {
		if containsPiece(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// containsPiece reports whether text contains leakLength consecutive bytes of form, or all of form
// if it is shorter.
func containsPiece(text, form string) bool {
	n := min(leakLength, len(form))
	for i := 0; i+n <= len(form); i++ {
		if strings.Contains(text, form[i:i+n]) {
			return true
		}
	}
	return false
}
