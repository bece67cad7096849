package gateway

import (
	"crypto/subtle"
	"net/http"
	"path"
	"strings"
)

// authorize passes on only requests that a client with the token can have made. Such a request has
// this gateway's address as Host, the token, and a method and a path that the service has. (A web
// page that rebinds a name to 127.0.0.1 sends another Host.) It sends no CORS headers, so a browser
// lets no page read an answer.
func (g *Gateway) authorize(next http.Handler) http.Handler {
	_, port, _ := strings.Cut(g.host, ":")
	localhost := "localhost:" + port
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, shown := g.withoutTokenSegment(r)
		_, page := r.Header["Origin"] // with any value
		switch {
		case r.Host != g.host && r.Host != localhost:
			refuseAndClose(w, http.StatusMisdirectedRequest, "this gateway answers to "+g.host+" only")
		case page:
			refuseAndClose(w, http.StatusForbidden, "requests from web pages are refused")
		case g.proves(w, r): // needs no token, because the answer does not reveal it
		case !shown && !g.hasToken(r.Header):
			refuseAndClose(w, http.StatusUnauthorized, "the token is missing or wrong: send the one that belongs to this address")
		case r.Method != http.MethodPost && r.Method != http.MethodGet:
			w.Header().Set("Allow", "GET, POST")
			refuseAndClose(w, http.StatusMethodNotAllowed, "only GET and POST are passed on")
		case !g.reachable(r):
			refuseAndClose(w, http.StatusNotFound, "only paths below the base URL are passed on")
		default:
			g.unauthenticated.admit(r)
			next.ServeHTTP(w, r)
		}
	})
}

// PingPath is the path of a request that checks whether the gateway is still running. The request
// needs the token or a challenge.
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

// TokenHeader is the header in which a client sends the token. No stored login, variable or setting
// of a client overwrites it.
const TokenHeader = "X-Ocgo-Key-Token"

// keyHeaders are the headers, in canonical form, in which clients send a key. Each may contain the
// token. None is passed on.
var keyHeaders = []string{TokenHeader, "Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// hasToken reports whether one of the key headers contains the token. The others may have any
// value.
func (g *Gateway) hasToken(h http.Header) bool {
	known := false
	for _, name := range keyHeaders {
		for _, value := range h[name] {
			if name == "Authorization" {
				scheme, rest, _ := strings.Cut(value, " ")
				if !strings.EqualFold(scheme, "Bearer") {
					continue
				}
				value = strings.TrimSpace(rest)
			}
			known = g.isToken(value) || known
		}
	}
	return known
}

func (g *Gateway) isToken(shown string) bool {
	return len(shown) == len(g.token) && subtle.ConstantTimeCompare([]byte(shown), []byte(g.token)) == 1
}

// withoutTokenSegment removes the token from the beginning of the request's path, and reports
// whether it was there. Clients that can set only an address send the token in the path.
func (g *Gateway) withoutTokenSegment(r *http.Request) (*http.Request, bool) {
	step, rest, more := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !g.isToken(step) || !more || r.URL.RawPath != "" || !strings.HasPrefix(r.URL.Path, "/") {
		return r, false
	}
	out, u := *r, *r.URL
	u.Path = "/" + rest
	out.URL, out.RequestURI = &u, ""
	return &out, true
}

// ambiguous reports whether servers may interpret this character of a path differently. No path of
// the service contains such a character.
func ambiguous(r rune) bool {
	switch r {
	case '\\', ';', '%', '?', '#':
		return true
	}
	return r <= ' ' || r >= 0x7f
}

// reachable reports whether the path, as the client wrote it, is below a base URL and means the
// same to every server.
func (g *Gateway) reachable(r *http.Request) bool {
	p := r.URL.Path
	if p == PingPath {
		return true
	}
	_, _, ok := g.route(p)
	return ok && !g.containsToken(p) && r.URL.RawPath == "" && path.Clean(p) == p && !strings.ContainsFunc(p, ambiguous)
}
