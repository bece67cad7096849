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

func TestFirstEvent(t *testing.T) {
	const failure = `{"type":"error","error":{"type":"GoUsageLimitError","message":"x"}}`
	for name, c := range map[string]struct{ stream, failure string }{
		"chat":                       {"data: {\"id\":\"1\",\"choices\":[]}\n\ndata: [DONE]\n\n", ""},
		"messages":                   {"event: message_start\ndata: {\"type\":\"message_start\"}\n\n", ""},
		"an error later":             {"data: {\"id\":\"1\"}\n\nevent: error\ndata: " + failure + "\n\n", ""},
		"named":                      {"event: error\ndata: " + failure + "\n\n", failure},
		"named, not JSON":            {"event: error\ndata: oops\n\n", "oops"},
		"of the type":                {"data: " + failure + "\n\n", failure},
		"an object":                  {"data: {\"error\":{\"type\":\"RateLimitError\"}}\n\n", `{"error":{"type":"RateLimitError"}}`},
		"no space, CRLF":             {"event:error\r\ndata:" + failure + "\r\n\r\n", failure},
		"behind comments and others": {": ping\n\n: ping\n\nid: 1\nretry: 10\ndata: " + failure + "\n\n", failure},
		"byte order mark":            {"\ufeffdata: " + failure + "\n\n", failure},
		"the end is missing":         {"data: " + failure, failure},
		"CR":                         {"event: error\rdata: " + failure + "\r\r", failure},
		"CR, of the type":            {": ping\r\rdata: " + failure + "\r\r", failure},
		"lines end by all three":     {": ping\n\r\nid: 1\rdata: " + failure + "\r\n\r", failure},
		"several data lines":         {"data: {\ndata: \"type\":\"error\",\ndata:\"error\":{}\ndata: }\n\n", "{\n\"type\":\"error\",\n\"error\":{}\n}"},
		"several, an object":         {"data: {\r\ndata:   \"error\": {\r\ndata: }}\r\n\r\n", "{\n  \"error\": {\n}}"},
		"several, named":             {"event: error\rdata: {\rid: 1\rdata: \"a\":1}\r\r", "{\n\"a\":1}"},
		"several, named, not JSON":   {"event: error\ndata: oops\ndata: again\n\n", "oops\nagain"},
		"several, cut":               {"data: {\ndata: \"error\": {}\ndata: }", "{\n\"error\": {}\n}"},
		"several, healthy":           {"data: {\ndata: \"id\":1}\n\n", ""},
		"several, no error":          {"data: {\ndata: \"error\":\ndata: null}\n\n", ""},
		"named by the default":       {"event: message\ndata: " + failure + "\n\n", failure},
		"named behind its data":      {"data: {\"type\":\ndata: \"error\"\nevent: error\ndata: }\n\n", "{\"type\":\n\"error\"\n}"},
		"a name without data":        {"event: error\n\ndata: {\"id\":1}\n\n", ""},
		"error: null":                {"data: {\"error\":null,\"id\":1}\n\n", ""},
		"a text about an error":      {"data: {\"text\":\"\\\"error\\\": 429\"}\n\n", ""},
		"empty":                      {"", ""},
		"comments alone":             {": ping\n\n", ""},
		"cut":                        {"data: {\"er", ""},
	} {
		for how, reader := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with its end": iotest.DataErrReader,
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				head, rest, got := firstEvent(reader(strings.NewReader(c.stream)), time.Minute)
				assert.Equal(t, c.failure, string(got))
				tail, err := io.ReadAll(rest)
				require.NoError(t, err)
				assert.Equal(t, c.stream, string(head)+string(tail), "nothing is lost")
			})
		}
	}
}

func TestFirstEventReadsNoFurtherThanItMust(t *testing.T) {
	for _, stream := range []string{"data: {\"id\":1}\n\n", "event: message_start\n", "data: [DONE]", "data: {\"choices",
		"data: {\r\ndata: \"id\"", "data: {\rdata: \"type\": \"m", "data: {\"error\": n"} {
		reads := 0
		_, _, _ = firstEvent(readerFunc(func(p []byte) (int, error) {
			reads++
			return copy(p, stream), nil
		}), time.Minute)
		assert.Equal(t, 1, reads, stream)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestCommentsAreHeldForAWhileOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, ": ping\n\n")
			time.Sleep(time.Minute)
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = w.Close()
		}()
		start := time.Now()
		head, rest, failure := firstEvent(r, 10*time.Second)
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, ": ping\n\n", string(head))
		assert.Nil(t, failure)
		tail, err := io.ReadAll(rest)
		require.NoError(t, err)
		assert.Equal(t, "data: 1\n\n", string(tail), "the read that was under way is not lost")
	})
}

func FuzzFirstEvent(f *testing.F) {
	for _, s := range []string{"data: {}\n\n", "event: error\ndata: {\"error\":{}}\n\n", ": c\n\ndata", "\ufeffevent:error\r\n", "data: {\"error\":{}}",
		"event: error\rdata: {\rdata: }\r\r", "data: {\r\ndata: \"error\":{\r\ndata: }}\n\r"} {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 7)
	}
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		left := bytes.NewReader(stream)
		head, rest, _ := firstEvent(readerFunc(func(p []byte) (int, error) {
			return left.Read(p[:min(len(p), 1+(step&0xff))])
		}), time.Minute)
		tail, err := io.ReadAll(rest)
		if err != nil || !bytes.Equal(append(head, tail...), stream) {
			t.Errorf("%q became %q and %q, %v", stream, head, tail, err)
		}
		// If the stream arrives byte by byte, an error may be missed, but no other error may be
		// found.
		whole, _ := scanEvent(stream, true)
		_, _, pieces := firstEvent(iotest.OneByteReader(bytes.NewReader(stream)), time.Minute)
		if pieces != nil && !bytes.Equal(whole, pieces) {
			t.Errorf("%q is an error in pieces, and another or none whole", stream)
		}
		// The line ending makes no difference.
		lines := bytes.ReplaceAll(bytes.ReplaceAll(stream, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
		for _, end := range []string{"\n", "\r", "\r\n"} {
			if same, _ := scanEvent(bytes.ReplaceAll(lines, []byte("\n"), []byte(end)), true); !bytes.Equal(whole, same) {
				t.Errorf("%q with %q: %q became %q", stream, end, whole, same)
			}
		}
		if name, data := referenceEvent(lines); whole != nil && !bytes.HasPrefix([]byte(data), whole) {
			t.Errorf("%q is the error %q, but the first event is %q with %q", stream, whole, name, data)
		}
	})
}

// referenceEvent returns the first event with data, as the standard defines it. Lines end with LF.
func referenceEvent(stream []byte) (name, data string) {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimPrefix(string(stream), byteOrderMark)+"\n\n", "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && strings.Join(lines, "") != "":
			return name, strings.TrimLeft(strings.Join(lines, "\n"), "\n")
		case line == "":
			name, lines = "", nil
		case field == "event":
			name = value
		case field == "data":
			lines = append(lines, value)
		}
	}
	return "", ""
}

func FuzzCost(f *testing.F) {
	f.Add([]byte("data: {\"cost\":\"0.1\"}\n\n"), true)
	f.Add([]byte("{\"cost\":0}"), false)
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		told := 0
		w := &costWatch{ReadCloser: io.NopCloser(iotest.HalfReader(bytes.NewReader(body))), stream: stream, paid: func(string) { told++ }}
		got, err := io.ReadAll(w)
		if err != nil || !bytes.Equal(got, body) || told > 1 {
			t.Errorf("%q became %q, %v, told %d times", body, got, err, told)
		}
	})
}
