package cli

import (
	"errors"
	"net/http"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Only the function that panicked is shown, since the value and the stack may contain a key.
func TestPanicShowsItsPlaceAlone(t *testing.T) {
	const key = "sk-marked-of-a-panic"
	place := func(value any) (place string) {
		defer func() {
			_ = recover()
			place = panicPlace(debug.Stack())
		}()
		blowUp(value)
		return ""
	}
	for _, value := range []any{key, errors.New(key), []byte(key), struct{ Key string }{key}} {
		assert.Equal(t, "ocgo-key/internal/cli.blowUp", place(value))
	}
	assert.Equal(t, "an unknown place", panicPlace([]byte(key)))
}

//go:noinline
func blowUp(value any) { panic(value) }

// HTTP/2 is turned off only if GODEBUG makes Go print headers.
func TestGuardLeavesHTTPAlone(t *testing.T) {
	for _, debug := range []string{"", "gctrace=1", "http2client=0"} {
		assert.False(t, printsHeaders(func(string) string { return debug }), debug)
	}
	assert.True(t, printsHeaders(func(string) string { return "x=1,http2debug=2" }))
	assert.Nil(t, http.DefaultTransport.(*http.Transport).Protocols)
}
