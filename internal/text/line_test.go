package text

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// hostile has letters, and between them characters that a terminal interprets.
const hostile = "a\x1b[31mb\x07c\u202ed\u2066e\u200ff\u009bg\u2028h\ni\rj\x00k\x7fl\ufeffm\xe2"

func TestLine(t *testing.T) {
	assert.Equal(t, "a [31mb c d e f g h i j k l m\ufffd", Line(hostile))
	assert.Equal(t, "Work,  Berlin – 日本 é ✓", Line("Work,  Berlin – 日本 é ✓"), "printable text must stay unchanged")
	assert.Equal(t, "a  b", Line("a \u200bb"))
}

func TestTidy(t *testing.T) {
	assert.Equal(t, "a b c", Tidy(" a\n\n b\u202e c\t"))
	assert.Empty(t, Tidy("\u202e\x1b"))
}

func TestOneLine(t *testing.T) {
	assert.Equal(t, "a [31mb c d e f g h i j k l m", OneLine(hostile))
	assert.Equal(t, "?", OneLine("\u202e\x1b \n"))
	assert.Equal(t, "", OneLineOr("", ""))
	long := OneLine(strings.Repeat("é", 500))
	assert.LessOrEqual(t, len(long), 130)
	assert.True(t, strings.HasSuffix(long, "é…"))
	assert.Equal(t, strings.Repeat("x", 120), OneLine(strings.Repeat("x", 120)))
}

func TestCount(t *testing.T) {
	assert.Equal(t, []string{"0 keys", "1 key", "2 keys"}, []string{Count(0, "key", "keys"), Count(1, "key", "keys"), Count(2, "key", "keys")})
}
