package gateway

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// foreignHeaders are other headers, in canonical form, in which programs send a key or a login. The
// service reads none of them.
var foreignHeaders = []string{"Proxy-Authorization", "X-Auth-Token", "X-Access-Token", "X-Api-Token", "X-Amz-Security-Token", "Ocp-Apim-Subscription-Key"}

// foreignParameters are the query parameters, in lower case, in which programs send a key.
var foreignParameters = []string{"key", "api_key", "api-key", "apikey", "x-api-key", "x-goog-api-key", "token", "access_token",
	"auth_token", "authorization", "x-ocgo-key-token"}

// dropKeys removes from a request everything that a client sent as a key, and every header and
// query parameter that contains the token. The account's key is added later, for each attempt.
func (g *Gateway) dropKeys(out *http.Request) {
	maps.DeleteFunc(out.Header, g.isKey)
	out.Trailer = nil // trailers came with the body, and the service does not use them
	out.URL.RawQuery = g.withoutKeys(out.URL.RawQuery)
}

// isKey reports whether a header is one in which programs send a key, or contains the token.
func (g *Gateway) isKey(name string, values []string) bool {
	return slices.Contains(keyHeaders, name) || slices.Contains(foreignHeaders, name) || slices.ContainsFunc(values, g.containsToken) ||
		len(name) >= len(g.token) && g.containsToken(strings.ToLower(name))
}

// containsToken reports whether text contains the token.
func (g *Gateway) containsToken(text string) bool { return strings.Contains(text, g.token) }

// withoutKeys returns the query without keys and without the token. The rest is unchanged.
func (g *Gateway) withoutKeys(query string) string {
	if query == "" {
		return ""
	}
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		whole, wholeErr := url.QueryUnescape(pair)
		return err != nil || wholeErr != nil || slices.Contains(foreignParameters, strings.ToLower(plain)) || g.containsToken(whole)
	})
	return strings.Join(kept, "&")
}
