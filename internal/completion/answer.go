package completion

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Answer writes the reply that a shell's script reads. args are the script's arguments: the shell,
// then the words. The first line is the kind of reply: "values", "file BEFORE" or "command INDEX".
// After "values", each line is one value, in the form that this shell needs.
//
// bash sends its word-break characters first. Its words still have their quotes, because bash
// cannot remove quotes without executing the text. PowerShell puts "=" before its last word,
// because it drops an empty argument.
func Answer(w io.Writer, app *kong.Node, args []string, source Source) error {
	if len(args) == 0 {
		return fmt.Errorf("the name of the shell is missing")
	}
	shell, words := args[0], args[1:]
	var line func(Value) string
	var typed string
	switch shell {
	case "bash":
		if len(words) == 0 {
			return fmt.Errorf("the word breaks of bash are missing")
		}
		breaks, raw := words[0], words[1:]
		words = make([]string, len(raw))
		var current bashWord
		for i := range raw {
			current = readBashWord(raw[i], breaks)
			words[i] = current.value
		}
		typed, line = current.value, current.write
	case "zsh":
		line = zshLine
	case "fish":
		line = fishLine
	case "powershell":
		if n := len(words); n > 0 {
			words[n-1] = strings.TrimLeft(strings.TrimPrefix(words[n-1], "="), `'"`)
			typed = words[n-1]
		}
		line = powershellLine
	default:
		return fmt.Errorf("no such shell: %q", shell)
	}
	reply := Complete(app, words, source)
	out := "values\n"
	switch {
	case reply.File:
		out = "file " + reply.Before + "\n"
	case reply.Command >= 0:
		out = fmt.Sprintf("command %d\n", reply.Command)
	case typed != "": // zsh and fish filter the values themselves
		reply.Values = Matching(reply.Values, typed)
	}
	for _, v := range reply.Values {
		v.Help = oneLine(v.Help)
		if text := line(v); text != "" {
			out += text + "\n"
		}
	}
	_, err := io.WriteString(w, out)
	return err
}

// oneLine returns a description as one line, since each line of a reply is a value.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// zshLine returns a line for _describe: a colon ends the value, unless a backslash precedes it.
func zshLine(v Value) string {
	text := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(v.Text)
	if v.Help != "" {
		text += ":" + v.Help
	}
	return text
}

// fishLine returns a line for fish's complete. fish adds quotes where needed.
func fishLine(v Value) string { return v.Text + "\t" + v.Help }

// powershellLine returns the text to insert, the text for the menu, and a tooltip. PowerShell does
// not accept an empty tooltip.
func powershellLine(v Value) string {
	return powershellQuote(v.Text) + "\t" + v.Text + "\t" + cmp.Or(v.Help, v.Text)
}

// powershellSafe are the characters, besides letters and digits, that need no quotes in an
// argument.
const powershellSafe = "-_./\\:=+%"

func powershellQuote(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !wordRune(r, powershellSafe) }) {
		return text
	}
	// PowerShell treats typographic quotes like '.
	return "'" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(text) + "'"
}

// wordRune reports whether r needs no quotes: letters, digits, the characters of others, and all
// non-ASCII characters except quotes and the non-breaking space.
func wordRune(r rune, others string) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	case r >= 0x80:
		return r != '‘' && r != '’' && r != '‚' && r != '‛' && r != '“' && r != '”' && r != '„' && r != '\u00a0'
	}
	return strings.ContainsRune(others, r)
}
