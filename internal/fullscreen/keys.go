package fullscreen

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// A decoder converts the bytes from a terminal into keys. A sequence may arrive in pieces.
type decoder struct {
	rest    []byte // the incomplete sequence of a key
	pasting bool
}

// maxSequence is the largest length of a control sequence, in bytes. No key has a longer one.
const maxSequence = 64

// named maps sequences to the names of keys; sequences of other keys are ignored.
var named = map[string]string{
	"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left",
	"\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left",
	"\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\b": "backspace",
}

const (
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// decode adds data to the input and returns the complete keys. Pasted text is skipped, so that it
// triggers no commands.
func (d *decoder) decode(data []byte) []Event {
	d.rest = append(d.rest, data...)
	var events []Event
	for len(d.rest) > 0 {
		if d.pasting {
			i := bytes.Index(d.rest, []byte(pasteEnd))
			if i < 0 {
				d.rest = d.rest[max(len(d.rest)-len(pasteEnd), 0):] // the end mark may arrive in pieces
				break
			}
			d.rest, d.pasting = d.rest[i+len(pasteEnd):], false
			continue
		}
		n := length(d.rest)
		if n == 0 {
			break
		}
		sequence := string(d.rest[:n])
		d.rest = d.rest[n:]
		if sequence == pasteBegin {
			d.pasting = true
		} else if key := keyOf(sequence); key != "" {
			events = append(events, Event{Key: key})
		}
	}
	return events
}

// pending reports whether the input so far may be either a complete key or the beginning of another
// key.
func (d *decoder) pending() bool { return len(d.rest) > 0 && !d.pasting }

// flush treats the pending input as a complete key: Esc.
func (d *decoder) flush() (events []Event) {
	if !d.pending() {
		return nil
	}
	escape := d.rest[0] == '\x1b'
	rest := d.rest[1:]
	d.rest = nil
	if escape {
		events = append(events, Event{Key: "esc"})
		if len(rest) > 0 && rest[0] != '[' && rest[0] != 'O' {
			events = append(events, d.decode(rest)...)
		}
	}
	return events
}

// length returns the length in bytes of the key that b begins with, or 0 if it is not complete yet.
func length(b []byte) int {
	switch {
	case b[0] != '\x1b':
		if !utf8.FullRune(b) {
			return 0
		}
		_, n := utf8.DecodeRune(b)
		return n
	case len(b) == 1:
		return 0
	case b[1] == 'O': // SS3 and one character
		if len(b) < 3 {
			return 0
		}
		return 3
	case b[1] == '[': // CSI: parameters, then one character from @ to ~
		for i := 2; i < len(b); i++ {
			if b[i] >= '@' && b[i] <= '~' || i == maxSequence {
				return i + 1
			}
		}
		return 0
	case b[1] == '\x1b': // Esc and then another key
		return 1
	}
	return 2 // Alt and a key
}

// keyOf returns the name of the key with this sequence, or "" if it has none.
func keyOf(sequence string) string {
	if name := named[sequence]; name != "" {
		return name
	}
	r, n := utf8.DecodeRuneInString(sequence)
	switch {
	case sequence == "\x1b":
		return "esc"
	case n != len(sequence) || r == utf8.RuneError:
		return ""
	case r >= 1 && r <= 26:
		return "ctrl+" + string('a'+r-1)
	case unicode.IsPrint(r):
		return sequence
	}
	return ""
}
