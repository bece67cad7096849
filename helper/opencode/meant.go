package opencode

import (
	"slices"
	"strings"

	"ocgo-key/internal/keyform"
)

// Meant returns the command line that a user probably means by words without a program: options or
// a subcommand of OpenCode, a model, or a prompt. Keys are hidden in it. ok is false if the words
// do not suggest OpenCode.
func Meant(words []string) (argv []string, ok bool) {
	first := words[0]
	subcommand := first == "run" || slices.Contains(subcommands, first)
	if _, two := ways2[first]; two {
		subcommand = true
	}
	argv = []string{"opencode"}
	switch {
	case strings.HasPrefix(first, "-") && slices.ContainsFunc(words, isPrompt), isPrompt(first):
		argv = append(argv, "run")
	case strings.HasPrefix(first, "-"), subcommand:
	case strings.HasPrefix(first, GoProvider+"/"):
		argv = append(argv, "-m")
	default:
		return nil, false
	}
	for _, word := range words {
		if keyform.Within(word) {
			word = keyform.Hide(word)
		}
		argv = append(argv, word)
	}
	return argv, true
}

// isPrompt reports whether an argument has several words, which the user quoted.
func isPrompt(word string) bool { return !strings.HasPrefix(word, "-") && strings.Contains(word, " ") }
