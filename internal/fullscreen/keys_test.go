package fullscreen

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func names(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Key)
	}
	return strings.Join(all, " ")
}

func TestKeys(t *testing.T) {
	for typed, want := range map[string]string{
		"q": "q", "dr": "d r", "?": "?", "ü家": "ü 家", "\x03": "ctrl+c", "\x1a": "ctrl+z", "\r": "enter",
		"\x1b[A": "up", "\x1b[B\x1b[B": "down down", "\x1bOA": "up", "\x1bOBj": "down j",
		"\x1b[1;5A": "", "\x1b[15~q": "q", // keys that have no name
		"\x1bd":                           "", // Alt-d is not d
		"\x1b\x1b[A":                      "esc up",
		"\x1b[200~d\rrq\x1b[Ad\x1b[201~e": "e", // pasted text is skipped
		"\x1b[?2027;2$yq":                 "q", // the answer of a terminal to a query
		"\xffq":                           "q",
	} {
		var d decoder
		assert.Equal(t, want, names(d.decode([]byte(typed))), "%q", typed)
		assert.False(t, d.pending(), "%q", typed)
	}
}

func TestEscapeAlone(t *testing.T) {
	for typed, want := range map[string]string{"\x1b": "esc", "\x1b[": "esc", "\x1bO": "esc", "\xe5": ""} {
		var d decoder
		assert.Empty(t, d.decode([]byte(typed)), "%q may be the beginning of another key", typed)
		assert.True(t, d.pending())
		assert.Equal(t, want, names(d.flush()))
		assert.Equal(t, "q", names(d.decode([]byte("q"))))
	}
}

// The keys do not depend on the pieces in which their bytes arrive.
func TestKeysInPieces(t *testing.T) {
	key := rapid.SampledFrom([]string{"q", "ü", "家", "\x1b[A", "\x1bOB", "\x1b[15~", "\x03", "\x1bd", "\x1b[200~some text\x1b[201~", "\r"})
	rapid.Check(t, func(t *rapid.T) {
		typed := strings.Join(rapid.SliceOfN(key, 0, 12).Draw(t, "keys"), "")
		var whole, pieces decoder
		want, got := whole.decode([]byte(typed)), []Event(nil)
		for len(typed) > 0 {
			n := rapid.IntRange(1, len(typed)).Draw(t, "piece")
			got = append(got, pieces.decode([]byte(typed[:n]))...)
			typed = typed[n:]
		}
		if names(got) != names(want) {
			t.Fatalf("%q, not %q", names(got), names(want))
		}
	})
}

// No input makes the decoder hang, panic or store an unlimited number of bytes.
func FuzzKeys(f *testing.F) {
	for _, seed := range []string{"q", "\x1b[A", "\x1b[200~x\x1b[201~", "\x1b[", "\x1bO", "\x1b[1;1;1;1;1;1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, typed []byte) {
		var d decoder
		d.decode(typed)
		if len(d.rest) > maxSequence+1 {
			t.Fatalf("the decoder stores %d bytes after %q", len(d.rest), typed)
		}
		d.flush()
		for _, e := range d.decode([]byte("q")) {
			if e.Key == "" {
				t.Fatalf("a key without a name after %q", typed)
			}
		}
	})
}
