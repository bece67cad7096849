package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
)

func TestAuthorize(t *testing.T) {
	s := newStage(t)
	chat := formats["chat"]
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"no token":           {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"wrong token":        {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.Token()+"x") }, 401},
		"token cut":          {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.Token()[:20]) }, 401},
		"a real key":         {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+keyOf("Work")) }, 401},
		"another scheme":     {func(r *http.Request) { r.Header.Set("Authorization", "Basic "+s.Token()) }, 401},
		"another host":       {func(r *http.Request) { r.Host = "evil.example" }, 421},
		"host, other port":   {func(r *http.Request) { r.Host = "127.0.0.1:1" }, 421},
		"a web page":         {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"an empty origin":    {func(r *http.Request) { r.Header.Set("Origin", "") }, 403},
		"token in a query":   {func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "token=" + s.Token() }, 401},
		"wrong step":         {func(r *http.Request) { r.Header.Del("Authorization"); r.URL.Path = "/" + s.Token() + "x" + r.URL.Path }, 401},
		"the second step":    {func(r *http.Request) { r.Header.Del("Authorization"); r.URL.Path = "/x/" + s.Token() + r.URL.Path }, 401},
		"step alone":         {func(r *http.Request) { r.Header.Del("Authorization"); r.URL.Path = "/" + s.Token() }, 401},
		"token further on":   {func(r *http.Request) { r.URL.Path += "/" + s.Token() }, 404},
		"step, then dots":    {func(r *http.Request) { r.URL.Path = "/" + s.Token() + gateway.GoPrefix + "/../x" }, 404},
		"two steps":          {func(r *http.Request) { r.URL.Path = "/" + s.Token() + "/" + s.Token() + r.URL.Path }, 404},
		"step, two slashes":  {func(r *http.Request) { r.URL.Path = "/" + s.Token() + "/" + r.URL.Path }, 404},
		"step and a page":    {func(r *http.Request) { r.URL.Path = "/" + s.Token() + r.URL.Path; r.Header.Set("Origin", "null") }, 403},
		"step, other host":   {func(r *http.Request) { r.URL.Path = "/" + s.Token() + r.URL.Path; r.Host = "evil.example" }, 421},
		"preflight":          {func(r *http.Request) { r.Method = http.MethodOptions }, 405},
		"DELETE":             {func(r *http.Request) { r.Method = http.MethodDelete }, 405},
		"outside":            {func(r *http.Request) { r.URL.Path = "/other" }, 404},
		"the prefix alone":   {func(r *http.Request) { r.URL.Path = gateway.GoPrefix }, 404},
		"a longer prefix":    {func(r *http.Request) { r.URL.Path = gateway.GoPrefix + "x/y" }, 404},
		"dots":               {func(r *http.Request) { r.URL.Path = gateway.GoPrefix + "/../../v1/x" }, 404},
		"encoded slash":      {func(r *http.Request) { r.URL.RawPath = r.URL.Path + "%2f.."; r.URL.Path += "/.." }, 404},
		"Zen, not asked for": {func(r *http.Request) { r.URL.Path = gateway.ZenPrefix + "/chat/completions" }, 404},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do(t, s.request(t, chat, true, c.change))
			assert.Equal(t, c.status, a.status, a.body)
			assert.NotContains(t, a.body, s.Token())
			for h := range a.header {
				assert.False(t, strings.HasPrefix(h, "Access-Control-"), h)
			}
		})
	}
	assert.Empty(t, s.service.Requests(), "nothing of it reached the service")
	a := s.do(t, s.request(t, chat, true, func(r *http.Request) {
		r.Host = strings.Replace(r.URL.Host, "127.0.0.1", "localhost", 1)
	}))
	assert.Equal(t, 200, a.status, "localhost is this machine")
}

func TestRedirectsReachTheClientWithoutAKey(t *testing.T) {
	s := newStage(t)
	other := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.Redirect(other.service.BaseURL()+"/chat/completions"))
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, http.StatusTemporaryRedirect, a.status)
	require.Empty(t, other.service.Requests())
	for _, values := range a.header {
		assert.NotContains(t, strings.Join(values, " "), "sk-marked")
	}
}
