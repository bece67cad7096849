package gateway

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
)

// shape is an answer that repeats a secret. The fuzzer chooses each byte.
type shape struct {
	status, places, form, spelling, encoding, piece, size byte
	filler                                                []byte // around the secret
}

// Where the secret is: the bits of shape.places.
const (
	inHead = 1 << iota
	inName
	inTrailer
	inLateTrailer
	inBody
	inHint
	inError
	twice // the secret is in the answers to both accounts
)

var shapeStatuses = []int{200, 200, 201, 307, 400, 401, 402, 403, 404, 429, 500, 503}

func shapeOf(script []byte) (s shape, ok bool) {
	if len(script) < 7 {
		return shape{}, false
	}
	return shape{script[0], script[1], script[2], script[3], script[4], script[5], script[6], script[7:]}, true
}

// spell writes the secret in one of the forms that the gateway must recognize.
func (s shape) spell(secret string) string {
	escape := func(before string) string {
		var out strings.Builder
		for i, c := range []byte(secret) {
			switch written := fmt.Sprintf("%s%02x", before, c); {
			case s.spelling>>(i%8)&1 == 0:
				out.WriteByte(c)
			case i%3 == 0:
				out.WriteString(before + strings.ToUpper(written[len(before):]))
			default:
				out.WriteString(written)
			}
		}
		return out.String()
	}
	switch s.form % 8 {
	case 0, 1:
		return secret
	case 2:
		return escape(`\u00`)
	case 3:
		return escape("%")
	case 4:
		return base64.StdEncoding.EncodeToString([]byte("?>" + secret + "?>"))
	case 5:
		return base64.URLEncoding.EncodeToString([]byte(">" + secret))
	case 6:
		return base64.RawStdEncoding.EncodeToString([]byte(secret))
	}
	return secret[:len(secret)-1] + secret // a cut secret, followed by a whole one
}

// answer gives resp this shape.
func (s shape) answer(r *http.Request, resp *http.Response, secret string) (*http.Response, error) {
	said := s.spell(secret)
	half := len(s.filler) / 2
	before, after := bytes.Repeat(s.filler[:half], 1+int(s.size)*int(s.size)/max(1, half)), s.filler[half:]
	inHeader := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, string(before[:min(len(before), 50)])+said+string(after))
	if trace := httptrace.ContextClientTrace(r.Context()); s.places&inHint != 0 && trace != nil && trace.Got1xxResponse != nil {
		_ = trace.Got1xxResponse(103, textproto.MIMEHeader{"Link": {inHeader}})
	}
	if s.places&inError != 0 {
		return nil, errors.New("malformed MIME header: " + inHeader)
	}
	resp.StatusCode = shapeStatuses[int(s.status)%len(shapeStatuses)]
	if s.status%2 == 1 {
		resp.Header.Set("Content-Type", "text/event-stream")
	}
	resp.Trailer = http.Header{"X-Announced": nil}
	if s.places&inHead != 0 {
		resp.Header["Location"] = []string{"x", inHeader}
	}
	if s.places&inName != 0 {
		resp.Header[http.CanonicalHeaderKey("x-"+secret)] = []string{"1"}
		resp.Trailer[http.CanonicalHeaderKey("y-"+secret)] = nil
	}
	body := before
	if s.places&inBody != 0 {
		body = append(append(append([]byte{}, before...), said...), after...)
	}
	var packed bytes.Buffer
	switch z, encoding := io.WriteCloser(nil), s.encoding%8; encoding {
	case 5, 6:
		if resp.Header.Set("Content-Encoding", "gzip"); encoding == 6 {
			resp.Header.Set("Content-Encoding", "deflate")
			z = zlib.NewWriter(&packed)
		} else {
			z = gzip.NewWriter(&packed)
		}
		_, _ = z.Write(body)
		_ = z.Close()
		body = packed.Bytes()
	case 7:
		resp.Header.Set("Content-Encoding", "br")
	}
	resp.ContentLength = -1
	resp.Body = &pieces{left: body, size: 1 + int(s.piece), end: func() {
		if s.places&inTrailer != 0 {
			resp.Trailer["X-Announced"] = []string{inHeader}
		}
		if s.places&inLateTrailer != 0 {
			resp.Trailer["X-Late"] = []string{inHeader}
		}
	}}
	return resp, nil
}

// pieces is a body that arrives in pieces of one size.
type pieces struct {
	left []byte
	size int
	end  func()
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.left) == 0 {
		p.end()
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), p.size)], p.left)
	p.left = p.left[n:]
	return n, nil
}

func (p *pieces) Close() error { return nil }

var escapes = regexp.MustCompile(`\\u00[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}`)

// leaked returns the secret that an answer contains, in any form; empty if there is none.
func leaked(answer *httptest.ResponseRecorder, secrets ...string) string {
	result := answer.Result()
	names := strings.Join(append(append(flat(answer.Header()), flat(result.Header)...), flat(result.Trailer)...), "\n")
	for _, secret := range secrets {
		name := strings.ToLower("-" + secret)
		if leakedIn(names+"\n"+answer.Body.String(), secret) || strings.Contains(strings.ToLower(names), "x"+name) || strings.Contains(strings.ToLower(names), "y"+name) {
			return secret
		}
	}
	return ""
}

// leakedIn reports whether text contains the secret in any form.
func leakedIn(text, secret string) bool {
	text += "\n" + escapes.ReplaceAllStringFunc(text, func(escape string) string {
		c, _ := hex.DecodeString(escape[len(escape)-2:])
		return string(c)
	})
	for pad := range 3 {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			core := encoding.EncodeToString([]byte("xx"[:pad] + secret + "xx"))
			if strings.Contains(text, core[(pad*8+5)/6:(pad+len(secret))*8/6]) {
				return true
			}
		}
	}
	return strings.Contains(text, secret)
}

// FuzzAnswerBody reads any text, in which KEY stands for a key, in pieces and with buffers of any
// size. The result must have the same length and contain no key. Without a key in the text, it must
// be unchanged.
func FuzzAnswerBody(f *testing.F) {
	for _, text := range []string{"", "data: sk-\n\n", "KEY", "a KEY, sk-marked-sk-marKEYKEY \\u007", "sk-marked-firs", `\u0073\u006B-marked%2Dfirst and %4AKEY`} {
		f.Add([]byte(text), byte(1), byte(1))
		f.Add([]byte(text), byte(3), byte(200))
	}
	key := grants[0].Key.Reveal()
	var hidden secrets
	hidden.add(key)
	f.Fuzz(func(t *testing.T, text []byte, piece, buffer byte) {
		text = bytes.ReplaceAll(text, []byte("KEY"), []byte(key))
		resp := &http.Response{Header: http.Header{}, Body: &pieces{left: bytes.Clone(text), size: 1 + int(piece), end: func() {}}}
		if err := hidden.clean(resp, func(error) {}); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for to := make([]byte, 1+5*int(buffer)); ; {
			n, err := resp.Body.Read(to)
			if got = append(got, to[:n]...); err != nil {
				break
			}
		}
		switch before, after := leakedIn(string(text), key), leakedIn(string(got), key); {
		case len(got) != len(text) || !before && !bytes.Equal(got, text):
			t.Fatalf("%q became %q", text, got)
		case after:
			t.Fatalf("%q: the key is in %q", text, got)
		}
	})
}
