package text

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"Work": "Work", "": "''", "My Work": "'My Work'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "/a/b.json": "/a/b.json",
		"`x`": "'`x`'", `a\b`: `'a'\\'b'`, "=ls": "'=ls'", "a;b": "'a;b'", "a\nb\x1bc\u202e": "'a b c '",
	} {
		assert.Equal(t, want, quoteFor("linux", text))
	}
	for text, want := range map[string]string{
		"Work": "Work", "": `""`, "My Work": `"My Work"`, `C:\a b`: `"C:\a b"`, "$(x)": "\"`$(x)\"", `a"b & c`: `"a""b & c"`, "`x": "\"``x\"",
		"a” ; x ; “": "\"a`” ; x ; `“\"", "a,b": `"a,b"`, "@x": `"@x"`,
	} {
		assert.Equal(t, want, quoteFor("windows", text))
	}
	assert.Equal(t, quoteFor(runtime.GOOS, "a b"), Quote("a b"))
}
