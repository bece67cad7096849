package gateway

import (
	"crypto/subtle"
	"net/http"
	"path"
	"strings"
)

// door lets in only requests that a client of ours can have made: to our very address (a page that rebinds a
// name to 127.0.0.1 sends its own Host), with our token, by a method and to a path that the service has. There
// are no CORS headers, so that a browser gives a page nothing of an answer.
func (g *Gateway) door(next http.Handler) http.Handler {
	_, port, _ := strings.Cut(g.host, ":")
	localhost := "localhost:" + port
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != g.host && r.Host != localhost:
			refuse(w, http.StatusMisdirectedRequest, "this gateway answers to "+g.host+" only")
		case r.Header.Get("Origin") != "":
			refuse(w, http.StatusForbidden, "requests of web pages are refused")
		case !g.knows(r.Header):
			refuse(w, http.StatusUnauthorized, "the token is missing or wrong: a client shows the one that it was given with this address")
		case r.Method != http.MethodPost && r.Method != http.MethodGet:
			w.Header().Set("Allow", "GET, POST")
			refuse(w, http.StatusMethodNotAllowed, "only GET and POST are passed on")
		case !g.reachable(r):
			refuse(w, http.StatusNotFound, "only paths below the base URL are passed on")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// PingPath answers whoever has the token, so that a program can tell whether its gateway is still there.
const PingPath = "/ocgo-key/ping"

func pingable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == PingPath {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows tells whether the request carries the token, in either of the two headers that clients use for a key.
func (g *Gateway) knows(h http.Header) bool {
	shown := h.Get("X-Api-Key")
	if shown == "" {
		scheme, value, _ := strings.Cut(h.Get("Authorization"), " ")
		if strings.EqualFold(scheme, "Bearer") {
			shown = strings.TrimSpace(value)
		}
	}
	return subtle.ConstantTimeCompare([]byte(shown), []byte(g.token)) == 1
}

// odd are characters that no path of the service has, and that servers disagree about.
func odd(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\\;%?#", r) }

// reachable tells whether the path lies below a base URL as it is written, with nothing in it that another
// server might read differently.
func (g *Gateway) reachable(r *http.Request) bool {
	p := r.URL.Path
	if p == PingPath {
		return true
	}
	_, _, ok := g.route(p)
	return ok && r.URL.RawPath == "" && path.Clean(p) == p && !strings.ContainsFunc(p, odd)
}
