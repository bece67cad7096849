// Package completion completes command lines when the user presses TAB. It has a script for each
// shell, which calls the program for the values. The values come from kong's model of the command
// line.
//
// The package runs no program and reads no file: the caller passes the values that are not in the
// grammar, such as labels.
package completion

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// Tag is the struct tag with the kind of value of a flag or an argument: `complete:"file"` for a
// file, or another word that the caller's Source maps to values.
const Tag = "complete"

// A Value is one possible word at the cursor.
type Value struct {
	Text string
	Help string // may be empty
}

// A Source returns the values for a word of Tag, or requests a file name. before has the arguments
// of the command before the cursor.
type Source func(kind string, before []string) (values []Value, file bool)

// A Reply says what can be completed at the cursor: one of Values, or a file if File is set. If
// Command is not negative, it is the index of the first word of another command, and the shell uses
// the completion of that command.
type Reply struct {
	Values  []Value
	File    bool
	Before  string // for a file: the part of the word before its name ("--from=")
	Command int
}

// Complete returns what may replace the last one of words. words are the words after the program's
// name. Each value is a whole word; values are not filtered by the typed text.
func Complete(app *kong.Node, words []string, source Source) Reply {
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	w := walk{node: app, given: map[*kong.Flag]bool{}}
	for i, word := range words[:last] {
		if w.take(word) {
			return Reply{Command: i}
		}
	}
	return w.at(words[last], last, source)
}

// A walk is the position in the grammar after some words of a command line.
type walk struct {
	node     *kong.Node
	given    map[*kong.Flag]bool
	before   []string   // arguments of node
	position int        // the index of the next argument in the grammar
	value    *kong.Flag // the flag that takes the next word
	plain    bool       // no more flags follow
	command  bool       // the next word is the first word of another command
}

// take moves past a word. begins reports that another command begins with the word.
func (w *walk) take(word string) (begins bool) {
	switch {
	case w.command:
		return true
	case w.value != nil:
		w.value = nil
	case word == "--" && !w.plain:
		w.plain = true
		w.command = w.passes()
	case strings.HasPrefix(word, "--") && !w.plain:
		name, _, whole := strings.Cut(word[2:], "=")
		flag := w.flag(func(f *kong.Flag) bool { return f.Name == name || slices.Contains(f.Aliases, name) })
		if flag == nil {
			return w.passes() // the flag belongs to another command
		}
		w.takeFlag(flag, whole)
	case strings.HasPrefix(word, "-") && word != "-" && !w.plain:
		for i, short := range word[1:] {
			flag := w.flag(func(f *kong.Flag) bool { return f.Short == short })
			if flag == nil {
				return w.passes()
			}
			whole := i+utf8.RuneLen(short) < len(word)-1
			w.takeFlag(flag, whole)
			if takesValue(flag) {
				break
			}
		}
	default:
		return w.argument(word)
	}
	return false
}

func (w *walk) takeFlag(flag *kong.Flag, whole bool) {
	w.given[flag] = true
	if takesValue(flag) && !whole {
		w.value = flag
	}
}

func (w *walk) argument(word string) (begins bool) {
	if w.passes() {
		return true
	}
	if w.position < len(w.node.Positional) {
		w.before = append(w.before, word)
		if !w.node.Positional[w.position].IsCumulative() {
			w.position++
		}
		return false
	}
	is := func(n *kong.Node) bool { return n.Name == word || slices.Contains(n.Aliases, word) }
	if i := slices.IndexFunc(w.node.Children, is); i >= 0 {
		w.node, w.position, w.before = w.node.Children[i], 0, nil
	}
	return false
}

// passes reports whether the next argument and all following ones belong to another command.
func (w *walk) passes() bool {
	return w.position < len(w.node.Positional) && w.node.Positional[w.position].Passthrough
}

func (w *walk) flag(is func(*kong.Flag) bool) *kong.Flag {
	for node := w.node; node != nil; node = node.Parent {
		if i := slices.IndexFunc(node.Flags, is); i >= 0 {
			return node.Flags[i]
		}
	}
	return nil
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// at returns what may replace word, the word with this index.
func (w *walk) at(word string, index int, source Source) Reply {
	reply := Reply{Command: -1}
	switch {
	case w.command:
		reply.Command = index
	case w.value != nil:
		return w.valuesOf(w.value.Value, "", source)
	case strings.HasPrefix(word, "-") && !w.plain:
		if name, _, whole := strings.Cut(strings.TrimPrefix(word, "--"), "="); whole {
			flag := w.flag(func(f *kong.Flag) bool { return f.Name == name })
			if flag != nil && takesValue(flag) {
				return w.valuesOf(flag.Value, "--"+name+"=", source)
			}
			return reply
		}
		reply.Values = w.flags()
	case w.passes():
		reply.Command = index
	case w.position < len(w.node.Positional):
		return w.valuesOf(w.node.Positional[w.position], "", source)
	default:
		for _, child := range w.node.Children {
			if !child.Hidden {
				reply.Values = append(reply.Values, Value{child.Name, brief(child.Help)})
			}
		}
	}
	return reply
}

// flags returns the flags that may still be given. Those of the command come first.
func (w *walk) flags() (values []Value) {
	for node := w.node; node != nil; node = node.Parent {
		for _, f := range node.Flags {
			if !f.Hidden && !w.excluded(f) {
				values = append(values, Value{"--" + f.Name, brief(f.Help)})
			}
		}
	}
	return values
}

// excluded reports whether the flag, or a flag that excludes it, was given already.
func (w *walk) excluded(f *kong.Flag) bool {
	if w.given[f] {
		return !f.IsCumulative() && !f.IsCounter()
	}
	for other := range w.given {
		if slices.ContainsFunc(f.Xor, func(group string) bool { return slices.Contains(other.Xor, group) }) {
			return true
		}
	}
	return false
}

// valuesOf returns the values of a flag or an argument; before is the part of the word before them.
func (w *walk) valuesOf(v *kong.Value, before string, source Source) Reply {
	reply := Reply{Command: -1}
	switch kind := v.Tag.Get(Tag); {
	case kind != "":
		values, file := []Value(nil), kind == "file"
		if !file {
			values, file = source(kind, w.before)
		}
		if file {
			return Reply{File: true, Before: before, Command: -1}
		}
		for _, value := range values {
			if typeable(value.Text) {
				reply.Values = append(reply.Values, Value{before + value.Text, value.Help})
			}
		}
	case v.Enum != "":
		for _, text := range v.EnumSlice() {
			if text != "" { // an empty string means no value
				reply.Values = append(reply.Values, Value{Text: before + text})
			}
		}
	}
	return reply
}

// typeable reports whether text can be in a command line and in a reply.
func typeable(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// maxDescription limits a description, in characters.
const maxDescription = 70

// brief returns the first sentence of a help text.
func brief(help string) string {
	help, _, _ = strings.Cut(oneLine(help), ". ")
	help = strings.TrimSuffix(help, ".")
	if runes := []rune(help); len(runes) > maxDescription {
		cut := string(runes[:maxDescription-1])
		if i := strings.LastIndexByte(cut, ' '); i > 0 {
			cut = cut[:i]
		}
		help = cut + "…"
	}
	return help
}

// Matching returns the values that begin with word. If there are none, it ignores case.
func Matching(values []Value, word string) []Value {
	for _, has := range []func(text, prefix string) bool{strings.HasPrefix, hasPrefixFold} {
		matching := slices.DeleteFunc(slices.Clone(values), func(v Value) bool { return !has(v.Text, word) })
		if len(matching) > 0 {
			return matching
		}
	}
	return nil
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}
