package cli_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var idPattern = regexp.MustCompile(`^[0-9a-f]{16}$`)

// sameShape compares two JSON documents. In want, the strings <id>, <time>, <pid> and <text> stand
// for any value of that kind. All other values, and the names in each object, must be equal. place
// is the path of the first difference.
func sameShape(got, want any, at string) (place string, ok bool) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is not an object", at), false
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				return fmt.Sprintf("%s.%s should not be there", at, name), false
			}
		}
		for name, value := range w {
			if _, ok := g[name]; !ok {
				return fmt.Sprintf("%s.%s is missing", at, name), false
			}
			if place, ok := sameShape(g[name], value, at+"."+name); !ok {
				return place, false
			}
		}
		return "", true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s is not a list of %d", at, len(w)), false
		}
		for i := range w {
			if place, ok := sameShape(g[i], w[i], fmt.Sprintf("%s[%d]", at, i)); !ok {
				return place, false
			}
		}
		return "", true
	}
	if stands, special := placeholder(got, want); special {
		return fmt.Sprintf("%s is not %v", at, want), stands
	}
	return fmt.Sprintf("%s differs: %v, not %v", at, got, want), got == want
}

// placeholder reports whether want is a placeholder, and whether got is a value of its kind.
func placeholder(got, want any) (stands, special bool) {
	text, isText := got.(string)
	switch want {
	case "<id>":
		return isText && idPattern.MatchString(text), true
	case "<time>":
		moment, err := time.Parse(time.RFC3339, text)
		return isText && err == nil && moment.Location() == time.UTC, true
	case "<pid>":
		n, isNumber := got.(float64)
		return isNumber && n > 1, true
	case "<text>":
		return isText && text != "", true
	}
	return false, false
}

func TestSameShape(t *testing.T) {
	document := func(text string) (v any) {
		require.NoError(t, json.Unmarshal([]byte(text), &v), text)
		return v
	}
	golden := `{"a":[{"id":"<id>","at":"<time>","pid":"<pid>","name":"<text>","n":1,"none":null}]}`
	good := `{"a":[{"id":"0123456789abcdef","at":"2026-01-02T03:04:05.6Z","pid":77,"name":"x","n":1,"none":null}]}`
	_, ok := sameShape(document(good), document(golden), "$")
	assert.True(t, ok)
	for _, bad := range []string{
		`{"a":[]}`, `{}`, `{"a":{}}`, `[]`,
		`{"a":[{"id":"0123","at":"2026-01-02T03:04:05Z","pid":77,"name":"x","n":1,"none":null}]}`,
		`{"a":[{"id":"0123456789abcdef","at":"2026-01-02T03:04:05+01:00","pid":77,"name":"x","n":1,"none":null}]}`,
		`{"a":[{"id":"0123456789abcdef","at":null,"pid":77,"name":"x","n":1,"none":null}]}`,
		`{"a":[{"id":"0123456789abcdef","at":"2026-01-02T03:04:05Z","pid":"77","name":"x","n":1,"none":null}]}`,
		`{"a":[{"id":"0123456789abcdef","at":"2026-01-02T03:04:05Z","pid":77,"name":"","n":1,"none":null}]}`,
		`{"a":[{"id":"0123456789abcdef","at":"2026-01-02T03:04:05Z","pid":77,"name":"x","n":2,"none":null}]}`,
		`{"a":[{"id":"0123456789abcdef","at":"2026-01-02T03:04:05Z","pid":77,"name":"x","n":1}]}`,
		`{"a":[{"id":"0123456789abcdef","at":"2026-01-02T03:04:05Z","pid":77,"name":"x","n":1,"none":null,"more":1}]}`,
	} {
		_, ok := sameShape(document(bad), document(golden), "$")
		assert.False(t, ok, bad)
	}
}
