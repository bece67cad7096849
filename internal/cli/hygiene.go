package cli

import (
	"net/http"
	"strings"

	"ocgo-key/internal/secure"
	"ocgo-key/internal/term"
)

// guard protects the keys in memory from other programs. It runs first in every command, and takes
// a few microseconds.
func guard(getenv func(string) string) {
	secure.HideMemory()
	term.SilenceStackTraces()
	if printsHeaders(getenv) {
		// Only Go's HTTP/2 code prints headers, so this turns HTTP/2 off. Every request with a key
		// uses this transport or a clone of it.
		transport := http.DefaultTransport.(*http.Transport)
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(true)
	}
}

// printsHeaders reports whether GODEBUG makes Go print the headers of each request, including the key.
// Go reads GODEBUG before our code runs, so unsetting it would have no effect.
func printsHeaders(getenv func(string) string) bool {
	return strings.Contains(getenv("GODEBUG"), "http2debug=")
}
