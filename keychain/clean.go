package keychain

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"ocgo-key/internal/text"
)

const (
	// maxForeign bounds in runes what is shown of a text that is not ours.
	maxForeign = 200
	// run is the length in bytes from which a piece of a key counts as a leak.
	run = 5
)

// clean makes an error that we did not foresee fit to be shown: one line, of bounded length, and
// withheld altogether if it has a piece of the secret in it, be it plain or encoded as a keychain
// might have it.
func clean(err error, secret Secret) string {
	said := err.Error()
	if leaks(said, secret) {
		return fmt.Sprintf("its message is withheld, since it quotes the key (%T)", err)
	}
	said = text.Tidy(said)
	if runes := []rune(said); len(runes) > maxForeign {
		said = string(runes[:maxForeign]) + "…"
	}
	return said
}

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
		if sharesRun(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// sharesRun reports whether a piece of form of at least run bytes, or all of
// it if it is shorter, is in text.
func sharesRun(text, form string) bool {
	n := min(run, len(form))
	for i := 0; i+n <= len(form); i++ {
		if strings.Contains(text, form[i:i+n]) {
			return true
		}
	}
	return false
}
