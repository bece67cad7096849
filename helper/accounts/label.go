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

// CheckLabel returns an error for a label that is hard to type or could be read as something else.
func CheckLabel(label string) error {
	_, err := strconv.Atoi(label)
	switch {
	case strings.TrimSpace(label) != label || label == "":
		return hint.Input("a label cannot be empty, or begin or end with a space")
	case err == nil:
		return hint.On(hint.Input("%q is a number, and numbers name accounts by their place in the list", label), "choose a word as the label")
	case strings.HasPrefix(label, "-"):
		return hint.Input("a label cannot begin with -, which begins a flag")
	case utf8.RuneCountInString(label) > maxLabel:
		return hint.Input("a label has at most %d characters", maxLabel)
	case !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }):
		return hint.Input("a label has to be printable")
	case keyform.Within(label):
		return hint.On(hint.Input("that looks like a key, not like a label; now it may be in your shell's history"), "remove it there; then `ocgo-key add LABEL` asks for the key")
	}
	return nil
}

// FitLabel returns a free label that is close to the wanted one, so that a key can be imported even if
// its label is not valid.
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

// shorten cuts text to at most n characters.
func shorten(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		text = strings.TrimSpace(string(runes[:n]))
	}
	return text
}
