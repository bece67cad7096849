// Package completion is what a shell asks when TAB is pressed: a script for each shell, and the answers to the
// question that the script asks ("what may stand here?"), from kong's model of the command line.
//
// It runs nothing and reads nothing: values that are not in the grammar (labels, say) come from its caller.
package completion

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// Tag is the struct tag that says what a flag or an argument takes: `complete:"file"` for a file, any other word
// for what the caller's source has under it.
const Tag = "complete"

// Value is one thing that may stand at the cursor.
type Value struct {
	Text string
	Help string // may be empty
}

// Source has the values for a word of Tag, or says that it is a file. before are the arguments that the command has
// already.
type Source func(kind string, before []string) (values []Value, file bool)

// Reply is what may stand at the cursor: Values; or a file, if File is set; or, if Command is not negative, what
// the command takes that begins with the word of this index.
type Reply struct {
	Values  []Value
	File    bool
	Before  string // of a file: what of the word stands before its name ("--from=")
	Command int
}

// Complete answers what may stand in the place of the last of words, which are those behind the program's name.
// Values are not filtered by what is typed already; each is a whole word.
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

// walk is where a command line has come to.
type walk struct {
	node     *kong.Node
	given    map[*kong.Flag]bool
	before   []string   // arguments of node
	position int        // of the next one in the grammar
	value    *kong.Flag // takes the next word
	plain    bool       // no flags any more
	command  bool       // the next word begins another command
}

// take goes past a word; begins says that another command begins with it.
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
			return w.passes() // it is another command's
		}
		w.take1(flag, whole)
	case strings.HasPrefix(word, "-") && word != "-" && !w.plain:
		for i, short := range word[1:] {
			flag := w.flag(func(f *kong.Flag) bool { return f.Short == short })
			if flag == nil {
				return w.passes()
			}
			whole := i+utf8.RuneLen(short) < len(word)-1
			w.take1(flag, whole)
			if takesValue(flag) {
				break
			}
		}
	default:
		return w.argument(word)
	}
	return false
}

func (w *walk) take1(flag *kong.Flag, whole bool) {
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
	for _, child := range w.node.Children {
		if child.Name == word || slices.Contains(child.Aliases, word) {
			w.node, w.position, w.before = child, 0, nil
			break
		}
	}
	return false
}

// passes tells whether the next argument and all behind it is another command's.
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

// at is what may stand in the place of word, which is the index-th.
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

// flags are those that may still be given, the command's own first.
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

// excluded tells whether a flag was given already, or one that it cannot go with.
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

// valuesOf are the values of a flag or an argument; before is what of the word stands before them.
func (w *walk) valuesOf(v *kong.Value, before string, source Source) Reply {
	reply := Reply{Command: -1}
	switch kind := v.Tag.Get(Tag); {
	case kind == "file":
		reply.File, reply.Before = true, before
	case kind != "":
		values, file := source(kind, w.before)
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
			if text != "" { // which stands for none
				reply.Values = append(reply.Values, Value{Text: before + text})
			}
		}
	}
	return reply
}

// typeable refuses what no shell's line could hold, and no answer of ours.
func typeable(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// most bounds a description, in characters.
const most = 70

// brief is a help text's first sentence.
func brief(help string) string {
	help = strings.Join(strings.Fields(help), " ")
	if i := strings.Index(help, ". "); i >= 0 {
		help = help[:i]
	}
	help = strings.TrimSuffix(help, ".")
	if runes := []rune(help); len(runes) > most {
		cut := string(runes[:most-1])
		if i := strings.LastIndexByte(cut, ' '); i > 0 {
			cut = cut[:i]
		}
		help = cut + "…"
	}
	return help
}

// Matching are the values that begin with word; where none does, those that begin so in other upper and lower case.
func Matching(values []Value, word string) []Value {
	if exact := having(values, word, strings.HasPrefix); len(exact) > 0 {
		return exact
	}
	return having(values, word, hasPrefixFold)
}

func having(values []Value, word string, has func(text, prefix string) bool) (matching []Value) {
	for _, v := range values {
		if has(v.Text, word) {
			matching = append(matching, v)
		}
	}
	return matching
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}
