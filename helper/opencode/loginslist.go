package opencode

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"ocgo-key/internal/keyform"
	"ocgo-key/keychain"
)

// minLoneKey is the least length, in characters, of a key that does not look like the service's
// keys. Such a key must also be alone on its line: otherwise it could be a word of a sentence.
const minLoneKey = 20

// maxNamedLines is the largest number of lines that an error names.
const maxNamedLines = 10

// readList reads a list of keys. Each line has a key, or a label and a key. Spaces, a tab, an
// equals sign, a comma or a semicolon separate the two. Empty lines and lines that begin with # are
// ignored. A shell's "export NAME=KEY" is also accepted. If the text has any other line, it is not
// a list, and no key is read: the last word of a sentence could be taken for a key.
func readList(list []byte) ([]Login, error) {
	var found []Login
	var odd []string
	number, more := 0, 0
	for line := range bytes.Lines(list) {
		number++
		login, says, fits := listLogin(string(line))
		switch {
		case !says:
		case fits:
			login.Entry = "line " + strconv.Itoa(number)
			found = append(found, login)
		case len(odd) < maxNamedLines:
			odd = append(odd, strconv.Itoa(number))
		default:
			more++
		}
	}
	if len(odd) == 0 {
		return found, nil
	}
	lines := "line " + odd[0]
	if len(odd) > 1 {
		lines = "lines " + strings.Join(odd, ", ")
	}
	if more > 0 {
		lines += fmt.Sprintf(" and %d more", more)
	}
	return nil, fmt.Errorf("%w: %s", ErrList, lines)
}

// listLogin reads one line. says is false for an ignored line. fits is false for a line that does
// not belong in a list of keys.
func listLogin(line string) (login Login, says, fits bool) {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return Login{}, false, true
	}
	before, raw, ok := cutKey(strings.TrimSpace(strings.TrimPrefix(line, "export ")))
	key, err := keychain.ParseKey(raw)
	if !ok || err != nil {
		return Login{}, true, false
	}
	if before == "" {
		return Login{Key: key}, true, keyform.Like(raw) || loneKey(raw)
	}
	label := strings.Trim(before, separators)
	if label == "" || !strings.ContainsAny(before[len(before)-1:], separators) || !keyform.Like(raw) || secretLike(label) {
		return Login{}, true, false
	}
	login = Login{Label: strings.Trim(label, `"'`), Key: key}
	if loneKey(login.Label) { // the label may be another key
		login.Label = ""
	}
	return login, true, true
}

// separators are the characters between label and key.
const separators = " \t=,;"

// cutKey splits off the last word of the line, without its quotes. A word contains no separator.
func cutKey(line string) (before, key string, ok bool) {
	quote := ""
	if strings.HasSuffix(line, `"`) || strings.HasSuffix(line, "'") {
		line, quote = line[:len(line)-1], line[len(line)-1:]
	}
	before = strings.TrimRightFunc(line, isWord)
	key = line[len(before):]
	before, ok = strings.CutSuffix(before, quote)
	return before, key, ok
}

// loneKey reports whether a word may be a key of any form: long, and not just a line of dashes.
func loneKey(word string) bool {
	return len(word) >= minLoneKey && strings.Trim(word, "-_") != "" && strings.TrimLeftFunc(word, isWord) == ""
}
