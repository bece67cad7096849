package accounts

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// maxLabel is the longest label, in characters, so that lists stay readable.
const maxLabel = 40

// CheckLabel returns an error for a label that is hard to type or could be confused with something
// else.
func CheckLabel(label string) error {
	_, err := strconv.Atoi(label)
	switch {
	case strings.TrimSpace(label) != label || label == "":
		return hint.Input("a label cannot be empty, or begin or end with a space")
	case err == nil:
		return hint.On(hint.Input("%q is a number, and a number means the position of an account in the list", label), "choose a word as the label")
	case strings.HasPrefix(label, "-"):
		return hint.Input("a label cannot begin with -, which begins a flag")
	case utf8.RuneCountInString(label) > maxLabel:
		return hint.Input("a label has at most %d characters", maxLabel)
	case !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }):
		return hint.Input("a label has to be printable")
	case keyform.Within(label):
		return hint.On(hint.Input("the label looks like a key, which may now be in your shell's history"), "remove it from the history; `ocgo-key add LABEL` asks for the key")
	}
	return nil
}

// FitLabel returns a valid and free label that is similar to the wanted label, for the import of a
// key.
func FitLabel(o rotation.Overview, wanted string) string {
	base := shorten(strings.TrimLeft(text.Tidy(wanted), "- "), maxLabel)
	if CheckLabel(base) != nil {
		return o.FreeLabel()
	}
	label := base
	for n := 2; ; n++ {
		if _, err := o.Find(label); err != nil {
			return label
		}
		suffix := fmt.Sprintf(" %d", n)
		label = shorten(base, maxLabel-len(suffix)) + suffix
	}
}

// shorten returns at most the first n characters of text.
func shorten(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		text = strings.TrimSpace(string(runes[:n]))
	}
	return text
}
