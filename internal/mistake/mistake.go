// Package mistake turns what the parser of the command line refuses into a sentence and the next
// step. It recognizes commands of other programs, and decides nothing else.
package mistake

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/manual"
	"ocgo-key/internal/text"
)

// A line is a command line that the parser refused.
type line struct {
	app  *kong.Application
	node *kong.Node // the command; nil if the line names none
	args []string
}

// Explain returns the parser's error as a sentence about the command line args, with the next step
// as its hint. It is an input error.
func Explain(app *kong.Application, args []string, err error) error {
	l := line{app: app, args: args}
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		l.node = parse.Context.Selected()
	}
	said, next := l.explain(err.Error())
	if next == "" {
		next = "see `" + l.help() + "`"
	}
	return hint.On(hint.Input("%s", said), next)
}

// help is the command line that shows the help.
func (l line) help() string {
	if l.node == nil {
		return "ocgo-key --help"
	}
	return "ocgo-key " + l.node.Name + " --help"
}

// name is the name of the command, or of the program.
func (l line) name() string {
	if l.node == nil {
		return "ocgo-key"
	}
	return l.node.Name
}

func (l line) explain(message string) (said, next string) {
	ours := l.args
	if i := slices.Index(ours, "--"); i >= 0 {
		ours = ours[:i]
	}
	belowZero := regexp.MustCompile(`^-\d`) // the parser takes it for a flag
	if i := slices.IndexFunc(ours, belowZero.MatchString); i >= 0 {
		return ours[i] + " is below zero; no option takes a negative number", ""
	}
	for _, rule := range []struct {
		pattern string
		answer  func(l line, part []string) (said, next string)
	}{
		{`^unexpected argument (.*?)(?:, did you mean (.*)\?)?$`, line.extra},
		{`^unknown flag (\S+?)(?:, did you mean (.*)\?)?$`, line.unknownFlag},
		{`^expected "(.*)"$`, line.missing},
		{`^expected one of "`, line.noCommand},
		{`^no command selected$`, line.noCommand},
		{`^missing positional arguments (.*)$`, line.missing},
		{`^missing flags: (.*)$`, line.missing},
		{`^(\S+): expected .* value but got "`, line.withoutValue},
		{`^(\S+): bool value must be .* but got "(.*)" \(from envar (\S+)=.*\)$`, line.switchVariable},
		{`^(\S+): bool value must be`, line.switchWithValue},
		{`^(\S+) must be one of (.*) but got "(.*)"$`, line.choice},
		{`^(\S+): expected duration but got "(.*?)"`, line.duration},
		{`^(\S+): expected a valid \d+ bit u?int but got "(.*)"`, line.integer},
		{`^(\S+): expected a float but got "(.*?)"`, line.number},
	} {
		if part := regexp.MustCompile(rule.pattern).FindStringSubmatch(message); part != nil {
			return rule.answer(l, part)
		}
	}
	return message, ""
}

// extra is for a word that is no command, or an argument too many.
func (l line) extra(part []string) (said, next string) {
	word := part[1]
	switch {
	case l.node == nil:
		said = "there is no command " + text.Quote(word)
		if near, ok := NearWord(word); ok {
			return said, near
		}
		return said, didYouMean("ocgo-key ", part[2])
	case l.node.Name == "add" || l.node.Name == "replace":
		// The argument is often a key, so the message leaves it out.
		return l.node.Name + " takes a label, not a key",
			"if that was a key, it is in your shell's history now: remove it there; `ocgo-key " + l.node.Name + " LABEL` asks for the key"
	case l.node.Name == "import":
		return "import takes no argument", "to read one file: `ocgo-key import --from " + text.Quote(word) + "`"
	case len(l.node.Positional) == 0:
		return fmt.Sprintf("%s takes no argument: %s", l.node.Name, text.Quote(word)), ""
	case len(l.node.Positional) == 1 && l.node.Positional[0].Name == "name":
		said = fmt.Sprintf("%s takes one account: %s is one too many", l.node.Name, text.Quote(word))
		next = "a label with a space needs quotes"
		if l.node.Positional[0].Required {
			next = fmt.Sprintf("run it once for each account: `ocgo-key %s %s`; %s", l.node.Name, text.Quote(word), next)
		}
		return said, next
	}
	return fmt.Sprintf("%s takes fewer arguments: %s is one too many", l.node.Name, text.Quote(word)), l.example()
}

// unknownFlag is for a flag that the command does not have.
func (l line) unknownFlag(part []string) (said, next string) {
	if l.node == nil {
		return "there is no flag " + part[1], didYouMean("", part[2])
	}
	said = fmt.Sprintf("%s has no flag %s", l.node.Name, part[1])
	if l.node.Name == "uninstall" {
		return said, "uninstall leaves accounts and keys; `ocgo-key remove LABEL` deletes a key"
	}
	if part[1] == "--all" && len(l.node.Positional) > 0 && l.node.Positional[0].Name == "name" {
		return said, fmt.Sprintf("name one account, and run it once for each: `ocgo-key %s LABEL`; `ocgo-key list` shows the labels", l.node.Name)
	}
	if slices.Contains([]string{"--key", "--api-key", "--token"}, part[1]) {
		return said, "no flag takes a key; `ocgo-key add LABEL` asks for it, or reads it from a pipe"
	}
	return said, didYouMean("", part[2])
}

// didYouMean returns a hint with the parser's guess: one or several words in quotation marks. The
// parser guesses several if none is close.
func didYouMean(before, guess string) string {
	if guess == "" || strings.HasPrefix(guess, "one of") {
		return ""
	}
	return "did you mean `" + before + strings.Trim(guess, `"`) + "`?"
}

func (l line) noCommand([]string) (said, next string) {
	return "a command is missing", "`ocgo-key help` lists the commands"
}

func (l line) missing(part []string) (said, next string) {
	verb := "is"
	if strings.Contains(part[1], " ") {
		verb = "are"
	}
	return fmt.Sprintf("%s: %s %s missing", l.name(), strings.ReplaceAll(part[1], "> <", "> and <"), verb), l.example()
}

// example returns a hint with the first example of the command's help.
func (l line) example() string {
	for _, c := range manual.Commands(l.app) {
		for example := range strings.Lines(c.Example) {
			if l.node != nil && c.Name == l.node.Name && strings.Contains(example, "ocgo-key "+c.Name) {
				return "for example `" + strings.TrimSpace(example) + "`; see `" + l.help() + "`"
			}
		}
	}
	return ""
}

func (l line) withoutValue(part []string) (said, next string) { return part[1] + " needs a value", "" }

func (l line) switchVariable(part []string) (said, next string) {
	return fmt.Sprintf("%s is %q", part[3], part[2]), "set it to true or false, or unset it"
}

func (l line) switchWithValue(part []string) (said, next string) {
	return part[1] + " takes no value", ""
}

func (l line) choice(part []string) (said, next string) {
	values := strings.Split(strings.ReplaceAll(part[2], `"`, ""), ",")
	last := len(values) - 1
	if last < 1 {
		return fmt.Sprintf("%s %s: only %s is possible", option(part[1]), text.Quote(part[3]), part[2]), ""
	}
	return fmt.Sprintf("%s %s: choose %s or %s", option(part[1]), text.Quote(part[3]), strings.Join(values[:last], ", "), values[last]), ""
}

func (l line) duration(part []string) (said, next string) {
	value := part[2]
	switch {
	case regexp.MustCompile(`^\d+(\.\d+)?$`).MatchString(value):
		return fmt.Sprintf("%s %s: add a unit, such as %sm for minutes", option(part[1]), value, value), ""
	case regexp.MustCompile(`^\d+ *d`).MatchString(value):
		return fmt.Sprintf("%s %s: days are not a unit; give hours, such as 24h", option(part[1]), text.Quote(value)), ""
	}
	return fmt.Sprintf("%s %s: not a duration; write it like 90s, 10m or 2h30m", option(part[1]), text.Quote(value)), ""
}

func (l line) integer(part []string) (said, next string) {
	return fmt.Sprintf("%s %s: not a whole number", option(part[1]), text.Quote(part[2])), ""
}

func (l line) number(part []string) (said, next string) {
	return fmt.Sprintf("%s %s: not a number", option(part[1]), text.Quote(part[2])), ""
}

// option removes the brackets around an optional argument.
func option(name string) string { return strings.Trim(name, "[]") }
