package gateway

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFirstMembers(t *testing.T) {
	for text, failed := range map[string]bool{
		`{"type":"error","error":{"type":"GoUsageLimitError","message":"x"}}`: true,
		"{\n  \"error\" : { \"code\": \"Account.Disabled\" }\n}\n":            true,
		`{"message":"x","error":{}}`:                                          true,
		`{"code":429,"status":"x","error":{}}`:                                true,
		`{"metadata":{},"type":"error"}`:                                      true,
		`{"error":null,"id":"1"}`:                                             false,
		`{"error":"x"}`:                                                       false,
		`{"type":"message","content":[{"type":"text","text":"\"error\""}]}`:   false,
		`{"id":"1","choices":[]}`:                                             false,
		`[{"error":{}}]`:                                                      false,
		`{"error":{}`:                                                         false,
		`oops`:                                                                false,
		``:                                                                    false,
		`{}`:                                                                  false,
		`{"message":"` + strings.Repeat("x", 2*maxErrorBody) + `","error":{}}`: false,
	} {
		for how, reader := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with its end": iotest.DataErrReader,
		} {
			if how == "byte by byte" && len(text) > 1000 {
				continue
			}
			for _, length := range []int64{-1, int64(len(text))} {
				head, rest, failure := firstMembers(reader(strings.NewReader(text)), length, time.Minute)
				assert.Equal(t, failed, failure != nil, "%.100s, %s", text, how)
				tail, err := io.ReadAll(rest)
				require.NoError(t, err)
				assert.True(t, text == string(head)+string(tail), "nothing is lost")
			}
		}
	}
}

func TestAHealthyAnswerIsReadNoFurtherThanItsFirstMember(t *testing.T) {
	for _, text := range []string{`{"id`, `{"choices":[`, ` {"type":"m`, `{"error":n`, `[`, `{}`, "\n{\n\t\"object\""} {
		reads := 0
		_, _, failure := firstMembers(readerFunc(func(p []byte) (int, error) {
			reads++
			return copy(p, text), nil
		}), -1, time.Minute)
		assert.Nil(t, failure)
		assert.Equal(t, 1, reads, text)
	}
}

func TestAnAnswerThatDoesNotComeIsHeldForAWhileOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			time.Sleep(time.Minute)
			_, _ = io.WriteString(w, `{"error":{}}`)
			_ = w.Close()
		}()
		start := time.Now()
		head, rest, failure := firstMembers(r, -1, 5*time.Second)
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Empty(t, head)
		assert.Nil(t, failure)
		tail, err := io.ReadAll(rest)
		require.NoError(t, err)
		assert.Equal(t, `{"error":{}}`, string(tail))
	})
}

func FuzzFirstMembers(f *testing.F) {
	for _, s := range []string{`{"error":{}}`, `{"type":"error"}`, `{"message":"x","error":{}}`, `{"id":1,"error":{}}`, " {", `{"error" : nu`} {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 5)
	}
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		left := bytes.NewReader(text)
		head, rest, failure := firstMembers(readerFunc(func(p []byte) (int, error) {
			return left.Read(p[:min(len(p), 1+(step&0xff))])
		}), int64(step&0x100)-1, time.Minute)
		tail, err := io.ReadAll(rest)
		if err != nil || !bytes.Equal(append(head, tail...), text) {
			t.Errorf("%q became %q and %q, %v", text, head, tail, err)
		}
		if failure != nil && !isError(failure) {
			t.Errorf("%q is no error", failure)
		}
		if mayBeError(text) {
			for i := range text {
				if !mayBeError(text[:i]) {
					t.Errorf("%q may be an error, and %q may not", text, text[:i])
				}
			}
		}
	})
}

func TestACostIsSeenHoweverLinesEnd(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n"} {
		told := ""
		stream := strings.ReplaceAll("data: {\"id\":1}\n\ndata: {\"cost\":\"0.2\"}\n\ndata: [DONE]\n\n", "\n", end)
		w := &costWatch{ReadCloser: io.NopCloser(iotest.HalfReader(strings.NewReader(stream))), stream: true, paid: func(cost string) { told += cost }}
		_, err := io.Copy(io.Discard, w)
		require.NoError(t, err)
		assert.Equal(t, "0.2", told, "%q", end)
	}
}
