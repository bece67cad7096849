package gateway_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
)

// behind makes handler the gateway's service.
func behind(t *testing.T, handler http.HandlerFunc) func(*gateway.Options) {
	service := httptest.NewServer(handler)
	t.Cleanup(service.Close)
	base, err := url.Parse(service.URL + gateway.GoPrefix)
	require.NoError(t, err)
	return func(o *gateway.Options) { o.Upstreams = map[string]*url.URL{gateway.GoPrefix: base} }
}

// keyIn returns the key in a request.
func keyIn(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// raw sends a request on a new connection, and returns all bytes of the answer.
func (s *stage) raw(t *testing.T, stream bool) string {
	req := s.request(t, formats["chat"], stream, func(r *http.Request) { r.Close = true; r.Header.Set("Te", "trailers") })
	conn, err := net.Dial("tcp4", req.URL.Host)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, req.Write(conn))
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(all)
}

// parsed returns an answer's status, and its body and trailers without the chunk framing.
func parsed(t *testing.T, raw string) (status int, text string) {
	in := bufio.NewReader(strings.NewReader(raw))
	for {
		resp, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		if resp.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
		if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
		return resp.StatusCode, string(body) + fmt.Sprint(resp.Trailer)
	}
}

func gzipped(text string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return out.Bytes()
}

func zlibbed(text string) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return out.Bytes()
}

// escaped replaces every second character with a JSON escape.
func escaped(key string) string {
	var out strings.Builder
	for i, c := range []byte(key) {
		if i%2 == 0 {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

func percent(key string) string {
	var out strings.Builder
	for _, c := range []byte(key) {
		fmt.Fprintf(&out, "%%%02X", c)
	}
	return out.String()
}

// If the service repeats the account's key, anywhere and in any encoding, the client does not get
// the key.
func TestNoAnswerHoldsAKey(t *testing.T) {
	write := func(status int, contentType string, text func(key string) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text(keyIn(r)))
		}
	}
	encoded := func(status int, encoding string, encode func(string) []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", encoding)
			w.WriteHeader(status)
			_, _ = w.Write(encode(`{"error":{"message":"invalid key ` + keyIn(r) + `"}}`))
		}
	}
	head := func(status int, name string, value func(key string) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()[name] = []string{value(keyIn(r))}
			w.WriteHeader(status)
		}
	}
	say := func(key string) string { return `{"error":{"message":"invalid key ` + key + `, sorry"}}` }
	same := func(key string) string { return key }
	services := map[string]http.HandlerFunc{
		"body, 64 KiB mark, 401": write(401, "text/plain", func(key string) string { return strings.Repeat("x", 64<<10-5) + key }),
		"body, 64 KiB mark, 200": write(200, "text/plain", func(key string) string { return strings.Repeat("x", 64<<10-5) + key }),
		"body, 1 MB":             write(200, "text/plain", func(key string) string { return strings.Repeat(key+" ", 50_000) }),
		"later event": write(200, "text/event-stream", func(key string) string {
			return "data: {\"x\":1}\n\nevent: error\ndata: " + say(key) + "\n\n"
		}),
		"first event":     write(200, "text/event-stream", func(key string) string { return "data: {\"x\":\"" + key + "\"}\n\n" }),
		"escaped, 401":    write(401, "application/json", func(key string) string { return say(escaped(key)) }),
		"escaped, 500":    write(500, "application/json", func(key string) string { return say(strings.ToUpper(escaped(""))) + escaped(key) }),
		"percent":         write(400, "text/plain", func(key string) string { return "https://x.example/?key=" + percent(key) }),
		"gzip, 401":       encoded(401, "gzip", gzipped),
		"gzip, 200":       encoded(200, "GZIP", gzipped),
		"deflate, 400":    encoded(400, "deflate", zlibbed),
		"brotli, claimed": encoded(400, "br", func(s string) []byte { return []byte(s) }),
		"two encodings":   encoded(400, "gzip, gzip", func(s string) []byte { return gzipped(string(gzipped(s))) }),
		"head, 200":       head(200, "X-Note", same),
		"head, 400":       head(400, "X-Note", func(key string) string { return "key=" + escaped(key) }),
		"head, 401":       head(401, "Www-Authenticate", func(key string) string { return `Bearer error="` + key + `"` }),
		"head, a name":    head(200, "X-Sk-Marked-Work", same),
		"location":        head(307, "Location", func(key string) string { return "https://x.example/?key=" + key + "&k=" + percent(key) }),
		"hints": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</"+keyIn(r)+">")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Link")
			w.WriteHeader(200)
		},
		"trailers": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Announced, X-"+keyIn(r))
			_, _ = io.WriteString(w, "{}")
			w.Header().Set("X-Announced", keyIn(r))
			w.Header().Set("X-"+keyIn(r), "1")
			w.Header().Set(http.TrailerPrefix+"X-Late", keyIn(r))
		},
		"a head that is none": func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+keyIn(r)+"\r\n\r\n")
				_ = conn.Close()
			}
		},
	}
	for _, status := range []int{200, 400, 401, 402, 403, 404, 429, 500} {
		services[fmt.Sprint("body, ", status)] = write(status, "application/json", say)
	}
	for pad := range 3 {
		services[fmt.Sprint("base64 after ", pad)] = write(400, "text/plain", func(key string) string {
			return base64.StdEncoding.EncodeToString([]byte("xx"[:pad] + key + "yy"))
		})
	}
	for name, service := range services {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/stream=%v", name, stream), func(t *testing.T) {
				s := newStage(t, behind(t, service))
				raw := s.raw(t, stream)
				_, text := parsed(t, raw)
				for _, label := range labels {
					for form, key := range map[string]string{
						"plain": keyOf(label), "escaped": escaped(keyOf(label)), "percent": percent(keyOf(label)),
						"base64, 0": base64.StdEncoding.EncodeToString([]byte(keyOf(label)))[:16],
						"base64, 1": base64.StdEncoding.EncodeToString([]byte("x" + keyOf(label)))[2:16],
						"base64, 2": base64.StdEncoding.EncodeToString([]byte("xx" + keyOf(label)))[3:16],
					} {
						assert.NotContains(t, strings.ToLower(raw), strings.ToLower(key), form)
						assert.NotContains(t, text, key, form)
					}
					assert.NotContains(t, s.condition(t, label).Reason, keyOf(label))
				}
			})
		}
	}
}

// An answer is passed on byte for byte, except that stars replace the key.
func TestAKeyInAnAnswerBecomesStars(t *testing.T) {
	text := func(key string) string {
		return `{"error":{"message":"no ` + key + `, ` + escaped(key)[:6] + key[1:] + `, \\` + escaped(key)[:6] + key[1:] + ` and <\u003c 100% of \u00e9"}}`
	}
	s := newStage(t, behind(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(text(keyIn(r)))))
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, text(keyIn(r)))
	}))
	a := s.do(t, s.request(t, formats["chat"], false))
	stars := strings.Repeat("*", len(keyOf("Work"))-1)
	assert.Equal(t, `{"error":{"message":"no *`+stars+`, \u002a`+stars+`, \\\u002a`+stars+` and <\u003c 100% of \u00e9"}}`, a.body)
	assert.Equal(t, fmt.Sprint(len(a.body)), a.header.Get("Content-Length"))
}

// A key that the gateway has sent with another request is hidden as well, and so is the token.
func TestOtherKeysInAnAnswer(t *testing.T) {
	var token string
	s := newStage(t, behind(t, func(w http.ResponseWriter, r *http.Request) {
		if keyIn(r) == keyOf("Work") {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = fmt.Fprintf(w, "before %s between %s after", keyOf("Work"), token)
	}))
	token = s.Token()
	a := s.do(t, s.request(t, formats["chat"], false))
	assert.Equal(t, "before "+strings.Repeat("*", len(keyOf("Work")))+" between "+strings.Repeat("*", len(token))+" after", a.body)
}

// A key that arrives in two pieces is hidden, wherever it is cut. Each complete event is passed on
// at once: the service of this test waits until the client has read an event.
func TestAKeyInTwoPieces(t *testing.T) {
	for form, spell := range map[string]func(string) string{"plain": func(key string) string { return key }, "escaped": escaped, "percent": percent} {
		t.Run(form, func(t *testing.T) {
			key := spell(keyOf("Work"))
			read := make(chan struct{})
			s := newStage(t, behind(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				flush := http.NewResponseController(w).Flush
				for cut := range key {
					_, _ = io.WriteString(w, "data: "+key[:cut])
					assert.NoError(t, flush())
					_, _ = io.WriteString(w, key[cut:]+"\n\n")
					assert.NoError(t, flush())
					<-read
				}
			}))
			resp, err := s.client.Do(s.request(t, formats["chat"], true))
			require.NoError(t, err)
			defer resp.Body.Close()
			events := bufio.NewReader(resp.Body)
			for range key {
				line, err := events.ReadString('\n')
				require.NoError(t, err)
				assert.Equal(t, len("data: \n")+len(key), len(line))
				assert.Regexp(t, `^data: (\*|\\u002a|%2A)+\n$`, line)
				_, err = events.ReadString('\n')
				require.NoError(t, err)
				read <- struct{}{}
			}
		})
	}
}

// An answer in an encoding that was not requested is decoded, or not passed on.
func TestEncodedAnswers(t *testing.T) {
	const text = `{"id":"1","choices":[]}`
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		status   int
	}{
		"gzip": {"gzip", gzipped(text), 200}, "x-gzip": {"X-GZIP", gzipped(text), 200}, "deflate": {"deflate", zlibbed(text), 200},
		"identity": {"identity", []byte(text), 200}, "empty": {"gzip", nil, 200},
		"brotli": {"br", []byte("abc"), 502}, "two": {"gzip, gzip", gzipped(text), 502},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, behind(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", c.encoding)
				w.Header().Set("Content-Length", fmt.Sprint(len(c.body)))
				_, _ = w.Write(c.body)
			}))
			a := s.do(t, s.request(t, formats["chat"], false))
			assert.Equal(t, c.status, a.status)
			switch {
			case c.status == http.StatusBadGateway:
				assert.Contains(t, a.body, "the service compressed its answer")
			case len(c.body) > 0:
				assert.Equal(t, text, a.body)
				assert.Empty(t, strings.TrimPrefix(a.header.Get("Content-Encoding"), "identity"))
			}
		})
	}
}

// Each event of a compressed stream is passed on as soon as it arrives.
func TestACompressedStreamIsNotHeldBack(t *testing.T) {
	read := make(chan struct{})
	s := newStage(t, behind(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		for i := range 3 {
			_, _ = fmt.Fprintf(z, "data: %d\n", i)
			assert.NoError(t, z.Flush())
			assert.NoError(t, http.NewResponseController(w).Flush())
			<-read
		}
	}))
	resp, err := s.client.Do(s.request(t, formats["chat"], true))
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("data: %d\n", i), line)
		read <- struct{}{}
	}
}

// Cookies and CORS headers, which are for browsers, do not reach the client.
func TestNoCookiesAndNoCORS(t *testing.T) {
	set := func(h http.Header) {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Add("Set-Cookie", "a=b")
		h.Set("X-Kept", "yes")
	}
	s := newStage(t, behind(t, func(w http.ResponseWriter, _ *http.Request) {
		set(w.Header())
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(200)
		_, _ = io.WriteString(w, "{}")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "c=d")
	}))
	raw := s.raw(t, false)
	assert.NotContains(t, raw, "Access-Control")
	assert.NotContains(t, raw, "Set-Cookie")
	assert.Contains(t, raw, "X-Kept: yes")
}

// The gateway has read the whole body when it sends the request, so it does not wait for a "100
// Continue" of the service.
func TestExpectIsNotPassedOn(t *testing.T) {
	s := newStage(t)
	a := s.do(t, s.request(t, formats["chat"], false, func(r *http.Request) { r.Header.Set("Expect", "100-continue") }))
	assert.Equal(t, 200, a.status)
	assert.Empty(t, s.service.Requests()[0].Header.Values("Expect"))
}

// If the service repeats the key in its error, neither the pool nor the client sees the key.
func TestAKeyInAnErrorIsHidden(t *testing.T) {
	for name, answer := range map[string]func(key string) fakeservice.Answer{
		"rejected": func(key string) fakeservice.Answer {
			return fakeservice.Error(401, "AuthError", "Incorrect API key provided: "+key)
		},
		"passed on": func(key string) fakeservice.Answer { return fakeservice.Error(403, "RegionError", "not for "+key) },
		"first event": func(key string) fakeservice.Answer {
			return fakeservice.StreamError(0, "ModelError", "no model for "+key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			for _, label := range labels {
				s.service.SetAnswers(keyOf(label), answer(keyOf(label)))
			}
			a := s.do(t, s.request(t, formats["chat"], true))
			for _, label := range labels {
				assert.NotContains(t, a.body, keyOf(label))
				assert.NotContains(t, s.condition(t, label).Reason, keyOf(label))
			}
			assert.Contains(t, a.body, "***")
		})
	}
}
