package cli

import (
	"net/http"
	"strings"

	"ocgo-key/internal/secure"
	"ocgo-key/internal/term"
)

// guard is done first in every command, so that every path to a key is covered. It takes a few microseconds.
func guard(getenv func(string) string) {
	secure.HideMemory()
	term.SilenceStackTraces()
	if printsHeaders(getenv) {
		// Only HTTP/2 prints them, and every request with a key uses this transport or a clone of it.
		transport := http.DefaultTransport.(*http.Transport)
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(true)
	}
}

// printsHeaders reports whether Go was told to print the headers of each request, the key among them. It reads that
// before anything of ours runs, so that taking it out of the environment would help nobody.
func printsHeaders(getenv func(string) string) bool {
	return strings.Contains(getenv("GODEBUG"), "http2debug=")
}
