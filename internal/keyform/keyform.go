// Package keyform knows what the service's keys look like, and is the only place that does. The
// form is used to keep keys out of places where they must not appear, and to find keys among other
// text; a key that looks different is never refused.
package keyform

import (
	"slices"
	"strings"
)

// MinLength is the length in bytes from which a word that begins like a key counts as one.
const MinLength = 16

// beginnings are the prefixes of keys, in lower case: "sk-" in the first console, "oc_sk_" for
// service accounts in the new one.
var beginnings = []string{"sk-", "oc_sk_"}

// StandIn is the prefix of what replaces a key where a client wants one, such as a gateway's token.
const StandIn = "ocgo-"

// Begins reports whether s begins like a key, in upper or lower case.
func Begins(s string) bool {
	return slices.ContainsFunc(beginnings, func(b string) bool { return len(s) >= len(b) && strings.EqualFold(s[:len(b)], b) })
}

// Like reports whether s may be a key: it begins like one and is long enough.
func Like(s string) bool { return len(s) >= MinLength && Begins(s) }

// Within reports whether a word of s may be a key. A word begins at the start of s, or after a
// space or a sign that ends a name, so neither the label "desk-in-the-office" nor a folder in a
// path counts.
func Within(s string) bool {
	for i := range len(s) {
		if i == 0 || strings.IndexByte(" \t\r\n=:,;\"'`", s[i-1]) >= 0 {
			if word, _, _ := strings.Cut(s[i:], " "); Like(word) {
				return true
			}
		}
	}
	return false
}

// Hidden is what Hide puts in place of a key.
const Hidden = "[redacted]"

// Hide removes what may be a key from text of another program, where it is not known which key that
// could be. It removes too much rather than too little: everything from what looks like the
// beginning of a key, even inside a word, to the next space. Runs of spaces and line ends become
// single spaces.
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
