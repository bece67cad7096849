// Package keyform is the one place that knows what the service's keys look like. Nothing is refused
// as a key for not looking like one: the form only serves to keep a key out of where it must not
// be, and to find keys in lists of others.
package keyform

import "strings"

// Least is the length from which a word that begins like a key is taken for one, in bytes.
const Least = 16

// beginnings are how keys begin, in lower case: "sk-" those of the first console, "oc_sk_" those of
// service accounts in the new one.
var beginnings = [...]string{"sk-", "oc_sk_"}

// StandIn begins what stands for the pool where a key would, such as a gateway's token.
const StandIn = "ocgo-"

// Begins reports whether s begins as keys do, in upper or lower case.
func Begins(s string) bool {
	for _, b := range beginnings {
		if len(s) >= len(b) && strings.EqualFold(s[:len(b)], b) {
			return true
		}
	}
	return false
}

// Like reports whether s may be a key: it begins like one and is long enough.
func Like(s string) bool { return len(s) >= Least && Begins(s) }

// Within reports whether a word of s may be a key: what begins s, or comes after a space or a sign
// that ends a name. So the label "desk-in-the-office" is none, and neither is a folder on a path.
func Within(s string) bool {
	for i := range len(s) {
		if i == 0 || strings.IndexByte(" \t\r\n=:,;\"'`", s[i-1]) >= 0 {
			word, _, _ := strings.Cut(s[i:], " ")
			if Like(word) {
				return true
			}
		}
	}
	return false
}

// Hidden is what Hide puts in a key's place.
const Hidden = "[redacted]"

// Hide takes what may be a key out of text of others, where it is not known which key it could be.
// It takes more than keys rather than less: all from the beginning of one to the next space,
// wherever in a word that is. Runs of spaces and line ends become single spaces.
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
