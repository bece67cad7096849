package gateway

import (
	"crypto/subtle"
	"net/http"
	"path"
	"strings"
)

// door lets in only requests that a client of ours can have made: to our very address (a page that
// rebinds a name to 127.0.0.1 sends its own Host), with our token, by a method and to a path that
// the service has. There are no CORS headers, so that a browser gives a page nothing of an answer.
func (g *Gateway) door(next http.Handler) http.Handler {
	_, port, _ := strings.Cut(g.host, ":")
	localhost := "localhost:" + port
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, shown := g.withoutTokenStep(r)
		_, page := r.Header["Origin"] // an empty one is a page's as well
		switch {
		case r.Host != g.host && r.Host != localhost:
			refuse(w, http.StatusMisdirectedRequest, "this gateway answers to "+g.host+" only")
		case page:
			refuse(w, http.StatusForbidden, "requests of web pages are refused")
		case !shown && !g.knows(r.Header):
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

// PingPath answers whoever has the token, so that a program can tell whether its gateway is still
// there.
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

// TokenHeader is the header in which a client of ours shows the token. No stored login, variable or
// setting of a client's puts anything else there.
const TokenHeader = "X-Ocgo-Key-Token"

// keyHeaders, in their canonical form, are the headers in which clients send a key. Each may hold
// the token; none is passed on.
var keyHeaders = []string{TokenHeader, "Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// knows reports whether one of the key headers holds the token. What the others hold does not
// matter.
func (g *Gateway) knows(h http.Header) bool {
	known := false
	for _, name := range keyHeaders {
		for _, value := range h.Values(name) {
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
	return subtle.ConstantTimeCompare([]byte(shown), []byte(g.token)) == 1
}

// withoutTokenStep returns the request without the token as the first step of its path, and whether
// it was there: the form for clients that can be given an address and nothing else.
func (g *Gateway) withoutTokenStep(r *http.Request) (*http.Request, bool) {
	step, rest, more := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !g.isToken(step) || !more || r.URL.RawPath != "" || !strings.HasPrefix(r.URL.Path, "/") {
		return r, false
	}
	out, u := *r, *r.URL
	u.Path = "/" + rest
	out.URL, out.RequestURI = &u, ""
	return &out, true
}

// odd are characters that no path of the service has, and that servers disagree about.
func odd(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\\;%?#", r) }

// reachable reports whether the path lies below a base URL as it is written, with nothing in it
// that another server might read differently.
func (g *Gateway) reachable(r *http.Request) bool {
	p := r.URL.Path
	if p == PingPath {
		return true
	}
	_, _, ok := g.route(p)
	return ok && !g.tells(p) && r.URL.RawPath == "" && path.Clean(p) == p && !strings.ContainsFunc(p, odd)
}
