// Package keyform defines what the service's keys look like. No other package does. The form is
// used to find keys in text, and to keep them out of messages, labels and arguments. A key that
// looks different is never refused.
package keyform

import (
	"slices"
	"strings"
)

// MinLength is the smallest length of a key in bytes. A shorter word does not count as a key, even
// if it begins like one.
const MinLength = 16

// beginnings are the prefixes of keys, in lower case: "sk-" in the first console, "oc_sk_" for
// service accounts in the new one.
var beginnings = []string{"sk-", "oc_sk_"}

// StandIn is the prefix of a text that a client gets in place of a key, such as a gateway's token.
const StandIn = "ocgo-"

// Begins reports whether s begins like a key. It ignores case.
func Begins(s string) bool {
	return slices.ContainsFunc(beginnings, func(b string) bool { return len(s) >= len(b) && strings.EqualFold(s[:len(b)], b) })
}

// Like reports whether s may be a key: s begins like a key and is long enough.
func Like(s string) bool { return len(s) >= MinLength && Begins(s) }

// Within reports whether a word of s may be a key. A word begins at the start of s, or after a
// space or a punctuation mark that ends a name. Dashes at its beginning are ignored, so "--sk-…"
// counts. The label "desk-in-the-office" does not count, and a folder in a path does not either.
func Within(s string) bool {
	for i := range len(s) {
		if i == 0 || strings.IndexByte(" \t\r\n=:,;\"'`", s[i-1]) >= 0 {
			if word, _, _ := strings.Cut(strings.TrimLeft(s[i:], "-"), " "); Like(word) {
				return true
			}
		}
	}
	return false
}

// Hidden is the text with which Hide replaces a key.
const Hidden = "[redacted]"

// Hide removes possible keys from the text of another program. It prefers to remove too much:
// everything from the beginning of a possible key, even inside a word, to the next space. Runs of
// spaces and line ends become single spaces.
func Hide(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		for at := range len(w) {
			if Like(w[at:]) {
				words[i] = w[:at] + Hidden
				break
			}
		}
	}
	return strings.Join(words, " ")
}
