package gateway

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// twoKeys is a holder with two accounts, the first of which is limited.
type twoKeys struct{}

var grants = []helper.Grant{
	{Handout: rotation.Handout{ID: "id0", Label: "Work"}, Key: keychain.NewSecret("sk-marked-first")},
	{Handout: rotation.Handout{ID: "id1", Label: "Personal"}, Key: keychain.NewSecret("sk-marked-second")},
}

func (twoKeys) Current(_ context.Context, model func() string) (helper.Grant, error) {
	_ = model()
	return grants[0], nil
}

func (twoKeys) Report(_ context.Context, _ helper.Grant, _ rotation.Verdict, model func() string) (helper.Grant, bool, error) {
	_ = model()
	return grants[1], true, nil
}

func (twoKeys) Avoid(context.Context, helper.Grant, func() string) (helper.Grant, error) {
	return grants[1], nil
}
func (twoKeys) Other(context.Context, []rotation.Handout, func() string) (helper.Grant, error) {
	return helper.Grant{}, rotation.ErrNoOther
}
func (twoKeys) Spare(context.Context, func() string, rotation.Purpose) (helper.Grant, bool, error) {
	return helper.Grant{}, false, nil
}
func (twoKeys) Refused(context.Context, helper.Grant, rotation.Refusal) {}
func (twoKeys) Prepare(context.Context)                                 {}

// upstream is the service: it limits the first key, and records its requests.
type upstream struct {
	mu   sync.Mutex
	seen []*http.Request
	read [][]byte

	script []byte // encodes the shape of the answers; nil for plain ones
	secret string // the secret that the answers repeat
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen, u.read = append(u.seen, r), append(u.read, body)
	answer := &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"ok":true}`))}
	if strings.Contains(r.Header.Get("Authorization")+r.Header.Get("X-Api-Key"), "first") {
		answer.StatusCode = 429
		answer.Header.Set("Retry-After", "60")
		answer.Body = io.NopCloser(strings.NewReader(`{"type":"error","error":{"type":"GoUsageLimitError","message":"x"},"metadata":{"limitName":"weekly"}}`))
	}
	if s, ok := shapeOf(u.script); ok && (answer.StatusCode == 200 || s.places&twice != 0) {
		return s.answer(r, answer, u.secret)
	}
	return answer, nil
}

// FuzzGateway sends any text as a request, in which HOST and TOKEN stand for the gateway's own.
// Each request that the service gets must be one that authorize accepts. Its path must be below the
// base URL, and it must have the client's body, and a key in place of the token. The service must
// get it twice, once with each key. The answer repeats a key or the token, as script says. The
// client must not see this secret.
func FuzzGateway(f *testing.F) {
	requests := []string{
		"POST /zen/go/v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 38\r\n\r\n{\"model\":\"kimi-k2.6\",\"tools\":[{\"x\":1}]}",
		"POST /zen/go/v1/messages?beta=true HTTP/1.1\r\nHost: HOST\r\nX-Api-Key: TOKEN\r\nAuthorization: Bearer other\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"GET /zen/go/v1/models HTTP/1.0\r\nHost: HOST\r\nAuthorization: bearer  TOKEN\r\nCookie: a=b\r\nConnection: Upgrade, X-Api-Key\r\nUpgrade: websocket\r\n\r\n",
		"GET http://HOST/zen/go/v1/models HTTP/1.1\r\nHost: elsewhere\r\nAuthorization: Bearer TOKEN\r\n\r\n",
		"POST /zen/go/v1/../../etc HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n\r\n",
		"POST /zen/go/v1/x%2f..%2fy HTTP/1.1\r\nHost: HOST\r\nX-Api-Key: TOKEN\r\nX-Api-Key: second\r\n\r\n",
		"GET /ocgo-key/ping HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nAuthorization: Bearer TOKEN\r\n\r\n",
		"POST //zen/go/v1/x HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKENTOKEN\r\n\r\n",
		"POST /TOKEN/zen/go/v1/responses?key=foreign&x=1 HTTP/1.1\r\nHost: HOST\r\nApi-Key: foreign\r\nSession_id: a b\r\nContent-Length: 14\r\n\r\n{\"input\":\"hi\"}",
		"POST /zen/go/v1/messages HTTP/1.1\r\nHost: HOST\r\nX-Ocgo-Key-Token: TOKEN\r\nX-Goog-Api-Key: foreign\r\nX-Opencode-Session: ses_1\r\nX: TOKEN\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nTE: trailers\r\nTrailer: Authorization\r\n\r\n",
	}
	for _, request := range requests {
		f.Add([]byte(request), []byte(nil))
	}
	for form := range byte(8) {
		for _, places := range []byte{inHead | inName | inTrailer | inLateTrailer | inHint, inBody, inBody | twice, inError, inError | twice} {
			f.Add([]byte(requests[0]), append([]byte{form, places, form, 0x55 << (form % 2), form, form, 0}, `{"error":{"message":"no : "}}`...))
			f.Add([]byte(requests[1]), append([]byte{4 + form, places, form, 0xff, 0, 200, 255}, "data: {\"x\":1}\n\ndata: \n\n"...))
		}
	}
	service := &upstream{}
	base, err := url.Parse("https://upstream.example/zen/go/v1")
	if err != nil {
		f.Fatal(err)
	}
	g, err := Start(Options{Holder: twoKeys{}, Upstreams: map[string]*url.URL{GoPrefix: base}, Transport: service})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(g.Close)
	parse := func(text []byte) (*http.Request, error) {
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("TOKEN"), []byte(g.token)), []byte("HOST"), []byte(g.host))
		return http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	}
	if request, err := parse([]byte(requests[0])); err != nil {
		f.Fatal(err)
	} else if g.server.Handler.ServeHTTP(httptest.NewRecorder(), request); len(service.seen) != 2 {
		f.Fatalf("the first request was sent %d times: nothing below would be shown", len(service.seen))
	}
	secrets := []string{grants[0].Key.Reveal(), grants[1].Key.Reveal(), g.token}
	f.Fuzz(func(t *testing.T, text, script []byte) {
		request, err := parse(text)
		if err != nil {
			return // net/http refuses the request
		}
		twin, _ := parse(text)
		sent, bodyErr := io.ReadAll(twin.Body)
		service.mu.Lock()
		service.seen, service.read = nil, nil
		service.script, service.secret = script, secrets[len(script)%len(secrets)]
		service.mu.Unlock()
		answer := httptest.NewRecorder()
		g.server.Handler.ServeHTTP(answer, request)
		if secret := leaked(answer, secrets...); secret != "" {
			t.Fatalf("%q, answered as %q: %s is in the answer", text, script, secret)
		}
		in := twin.Host == g.host || twin.Host == strings.Replace(g.host, "127.0.0.1", "localhost", 1)
		shown := strings.HasPrefix(twin.URL.Path, "/"+g.token+"/") && twin.URL.RawPath == ""
		for _, name := range []string{"X-Ocgo-Key-Token", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
			shown = shown || slices.Contains(twin.Header.Values(name), g.token)
		}
		for _, value := range twin.Header.Values("Authorization") {
			scheme, bearer, _ := strings.Cut(value, " ")
			shown = shown || strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(bearer) == g.token
		}
		in = in && shown && twin.Header["Origin"] == nil && (twin.Method == http.MethodPost || twin.Method == http.MethodGet)
		if !in || bodyErr != nil {
			if len(service.seen) > 0 {
				t.Fatalf("%q was let in", text)
			}
			if bodyErr == nil && (answer.Code < 400 || answer.Code > 499) {
				t.Fatalf("%q: %d", text, answer.Code)
			}
			return
		}
		want := 2
		if informational(twin) {
			want = 1
		}
		if s, ok := shapeOf(script); len(service.seen) != 0 && len(service.seen) != want && !(ok && s.places&twice != 0) {
			t.Fatalf("%q: sent %d times", text, len(service.seen))
		}
		for i, r := range service.seen {
			if r.URL.Scheme != "https" || r.URL.Host != base.Host || r.Host != "" && r.Host != base.Host ||
				!strings.HasPrefix(r.URL.Path, base.Path+"/") || r.URL.RawPath != "" || path.Clean(r.URL.Path) != r.URL.Path {
				t.Fatalf("%q went to %s, host %q", text, r.URL, r.Host)
			}
			key := grants[i].Key.Reveal()
			bearer, bare := r.Header.Values("Authorization"), r.Header.Values("X-Api-Key")
			if len(bearer)+len(bare) == 0 || len(bearer) > 1 || len(bare) > 1 || len(bearer) == 1 && bearer[0] != "Bearer "+key ||
				len(bare) == 1 && bare[0] != key || len(bare) == 0 && twin.Header.Get("X-Api-Key") != "" {
				t.Fatalf("%q: the key is in %d and %d headers", text, len(bearer), len(bare))
			}
			for _, name := range []string{"Cookie", "Connection", "Upgrade", "Proxy-Authorization", "Te", "Transfer-Encoding"} {
				if r.Header.Get(name) != "" && !(name == "Te" && r.Header.Get(name) == "trailers") {
					t.Fatalf("%q: %s was passed on", text, name)
				}
			}
			if all := r.URL.String() + strings.Join(append(flat(r.Header), flat(r.Trailer)...), "\n"); strings.Contains(all, g.token) {
				t.Fatalf("%q: the token was passed on", text)
			}
			if r.URL.Query().Has("key") || r.Header.Get("Api-Key")+r.Header.Get("X-Goog-Api-Key")+r.Header.Get(TokenHeader) != "" {
				t.Fatalf("%q: a key that is not ours was passed on", text)
			}
			if own := twin.Header.Get("X-Opencode-Session"); own != "" && !strings.Contains(own, g.token) && r.Header.Get("X-Opencode-Session") != own ||
				r.Method == http.MethodPost && r.Header.Get("X-Opencode-Session") == "" {
				t.Fatalf("%q: of the conversation %q", text, r.Header.Get("X-Opencode-Session"))
			}
			if !bytes.Equal(service.read[i], sent) {
				t.Fatalf("%q: the body became %q", text, service.read[i])
			}
		}
	})
}

// FuzzSession derives the id of a conversation from any request. The id must be a valid header
// value that reveals nothing about the body. The same request must have the same id, but another id
// at another gateway.
func FuzzSession(f *testing.F) {
	for _, body := range []string{"", "null", `{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"text":"one"}]}]}`,
		`{"prompt_cache_key":"k","metadata":{"user_id":"u"}}`, `{"instructions":"i","input":[{"role":"user","content":"x"}]}`,
		`{"input":"x","system":[{"text":"a"}],"messages":{"role":[]}}`, `{"messages":[{"role":"user","content":null}],"messages":7}`} {
		f.Add([]byte(body), "")
		f.Add([]byte(body), "own id")
	}
	one, other := &Gateway{salt: [32]byte{1}}, &Gateway{salt: [32]byte{2}}
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		h := http.Header{"Session_id": {header}}
		id := one.session(h, body)
		if len(id) < 1 || len(id) > maxSession || !plainID(id) || id != one.session(h, body) {
			t.Fatalf("%q, %q: %q", body, header, id)
		}
		if plainID(header) && header != "" {
			if id != header {
				t.Fatalf("%q became %q", header, id)
			}
			return
		}
		if id == other.session(h, body) {
			t.Fatalf("%q: %q at another gateway as well", body, id)
		}
		underRun := &Gateway{salt: one.salt, options: Options{Session: "run_1"}}
		if got := underRun.session(h, body); got != "run_1" && got != id {
			t.Fatalf("%q: %q, under run %q", body, id, got)
		}
	})
}

func flat(h http.Header) (values []string) {
	for name, v := range h {
		values = append(append(values, name), v...)
	}
	return values
}
