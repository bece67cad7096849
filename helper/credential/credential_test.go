package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const marker = "sk-marked-<&>-1"

const service = "https://opencode.ai/zen/go/v1"

func answer(expires *time.Time) Answer {
	return Answer{Account: "Work & <Home>", Reveal: func() string { return marker }, Expires: expires}
}

func TestWrite(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	tests := []struct {
		f       Format
		expires *time.Time
		want    string
	}{
		{Plain, nil, marker + "\n"},
		{Git, &at, "password=" + marker + "\n"},
		{JSON, nil, `{"version":1,"account":"Work & <Home>","key":"` + marker + `","expires":null}` + "\n"},
		{JSON, &at, `{"version":1,"account":"Work & <Home>","key":"` + marker + `","expires":"2030-01-02T02:04:05Z"}` + "\n"},
		{EngFlow, nil, `{"headers":{"Authorization":["Bearer ` + marker + `"]}}` + "\n"},
		{EngFlow, &at, `{"headers":{"Authorization":["Bearer ` + marker + `"]},"expires":"2030-01-02T02:04:05Z"}` + "\n"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if err := write(&out, tt.f, answer(tt.expires)); err != nil {
			t.Fatal(err)
		}
		if out.String() != tt.want {
			t.Errorf("%s: got %q, want %q", tt.f, out.String(), tt.want)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, f := range []Format{Plain, JSON, Git, EngFlow} {
		for _, key := range []string{"", "a\nb", "a\rb", "a\x00b", "a b", "a\tb", "a\x7fb", "a\xffb", marker + "\n"} {
			var out bytes.Buffer
			err := write(&out, f, Answer{Reveal: func() string { return key }})
			if err == nil || out.Len() > 0 {
				t.Errorf("%s: a key of %q: %v, wrote %q", f, key, err, out.String())
			}
			if err != nil && strings.Contains(err.Error(), marker) {
				t.Errorf("%s: the error shows the key", f)
			}
		}
		if err := write(io.Discard, f, Answer{}); err == nil {
			t.Errorf("%s: wrote without a key", f)
		}
	}
	var out bytes.Buffer
	asked := false
	for _, f := range []Format{"", "xml"} {
		c := Answer{Reveal: func() string { asked = true; return marker }}
		if err := write(&out, f, c); err == nil || out.Len() > 0 || asked {
			t.Errorf("format %q: %v, wrote %q, asked for the key: %v", f, err, out.String(), asked)
		}
	}
}

// counter counts the calls of Write, which all fail.
type counter struct{ writes int }

var errFull = errors.New("full")

func (c *counter) Write([]byte) (int, error) { c.writes++; return 0, errFull }

func TestWritesOnce(t *testing.T) {
	for _, f := range []Format{Plain, JSON, Git, EngFlow} {
		var w counter
		if err := write(&w, f, answer(nil)); !errors.Is(err, errFull) || w.writes != 1 {
			t.Errorf("%s: %v after %d writes", f, err, w.writes)
		}
	}
}

func TestServe(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name    string
		r       Request
		in      string
		err     error // the error of fetch
		want    string
		fetched bool
		fails   bool
	}{
		{"plain", Request{Format: Plain}, "", nil, marker + "\n", true, false},
		{"plain, store", Request{Format: Plain, Action: "store"}, "", nil, "", false, true},
		{"plain, no key", Request{Format: Plain}, "", refused, "", true, true},
		{"git", Request{Format: Git, Action: "get"}, "protocol=https\nhost=OpenCode.ai\nwwwauth[]=y\n\n", nil, "password=" + marker + "\n", true, false},
		{"git, the stand-in", Request{Format: Git, Action: "get", BaseURL: "http://127.0.0.1:8080/zen/go/v1"}, "protocol=http\nhost=127.0.0.1:8080\n\n", nil, "password=" + marker + "\n", true, false},
		{"git, another host", Request{Format: Git, Action: "get", BaseURL: "http://127.0.0.1:8080/zen/go/v1"}, "protocol=http\nhost=127.0.0.1:8081\n\n", nil, "", false, true},
		{"git, a forge", Request{Format: Git, Action: "get", BaseURL: "https://opencode.ai/zen/go/v1"}, "protocol=https\nhost=github.com\n\n", nil, "", false, true},
		{"git, empty request", Request{Format: Git}, "", nil, "", false, true},
		{"git, with its port", Request{Format: Git}, "protocol=https\nhost=opencode.ai:443\n\n", nil, "password=" + marker + "\n", true, false},
		{"git, another port", Request{Format: Git}, "protocol=https\nhost=opencode.ai:8443\n\n", nil, "", false, true},
		{"git, no protocol", Request{Format: Git}, "host=opencode.ai\n\n", nil, "", false, true},
		{"git, in clear", Request{Format: Git}, "protocol=http\nhost=opencode.ai\n\n", nil, "", false, true},
		{"git, mail", Request{Format: Git}, "protocol=smtp\nhost=opencode.ai\n\n", nil, "", false, true},
		{"git, another place as a URL", Request{Format: Git}, "url=https://evil.example/\n\n", nil, "", false, true},
		{"git, a user in the host", Request{Format: Git}, "protocol=https\nhost=opencode.ai@evil.example\n\n", nil, "", false, true},
		{"git, nonsense", Request{Format: Git, Action: "get"}, "nonsense\n", nil, "", false, true},
		{"git, store", Request{Format: Git, Action: "store"}, "password=x\n\n", nil, "", false, false},
		{"git, erase", Request{Format: Git, Action: "erase"}, "nonsense", nil, "", false, false},
		{"git, a new action", Request{Format: Git, Action: "capability"}, "", nil, "", false, false},
		{"git, no key", Request{Format: Git, Action: "get"}, "protocol=https\nhost=opencode.ai\n\n", refused, "", true, true},
		{"engflow", Request{EngFlow, "get", service}, `{"uri":"` + service + `/x"}`, nil, `{"headers":{"Authorization":["Bearer ` + marker + `"]}}` + "\n", true, false},
		{"engflow, elsewhere", Request{EngFlow, "get", service}, `{"uri":"https://example.com/zen/go/v1/x"}`, nil, "", false, true},
		{"engflow, store", Request{EngFlow, "store", service}, `{"uri":"` + service + `/x"}`, nil, "", false, true},
		{"engflow, empty request", Request{EngFlow, "", service}, ``, nil, "", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			fetched := false
			err := Serve(tt.r, strings.NewReader(tt.in), &out, func() (Answer, error) {
				fetched = true
				return answer(nil), tt.err
			})
			if (err != nil) != tt.fails || out.String() != tt.want || fetched != tt.fetched {
				t.Fatalf("error %v, wrote %q, fetched %v", err, out.String(), fetched)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Fatalf("the error %v does not wrap its cause", err)
			}
		})
	}
}

func TestReadGit(t *testing.T) {
	long := "x=" + strings.Repeat("y", 1000) + "\n"
	tests := []struct {
		in    string
		want  gitRequest
		fails bool
	}{
		{"", gitRequest{}, false},
		{"\nnonsense", gitRequest{}, false},
		{"protocol=https\r\nhost=a:1\r\npath=p=q\r\nusername=u\r\n\r\nnonsense", gitRequest{"https", "a:1"}, false},
		{"host=a\nhost=b", gitRequest{host: "b"}, false},
		{"host=a\n" + strings.Repeat(long, 60) + "\n", gitRequest{host: "a"}, false},
		{strings.Repeat(long, 70), gitRequest{}, true},
		{"host", gitRequest{}, true},
		{"=a\n", gitRequest{}, true},
		{"host=a\rpassword=b\n", gitRequest{}, true},
		{"host=a\x00\n", gitRequest{}, true},
	}
	for _, tt := range tests {
		for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
			got, err := readGit(r)
			if (err != nil) != tt.fails || got != tt.want {
				t.Errorf("%.40q: %+v, %v", tt.in, got, err)
			}
		}
	}
	if _, err := readGit(iotest.ErrReader(errFull)); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

// git keeps its end of the pipe open until it has the answer, so readGit must not wait for the end
// of the input.
func TestReadGitDoesNotWaitForTheEnd(t *testing.T) {
	r, w := io.Pipe()
	go func() { _, _ = io.WriteString(w, "host=a\n\n") }()
	got, err := readGit(r)
	if err != nil || got.host != "a" {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestReadEngFlow(t *testing.T) {
	for in, want := range map[string]string{
		`{"uri":"https://a/b"}`:           "https://a/b",
		` {"x":[{}], "uri":"u" } ` + "\n": "u",
		``:                                "",
		`{}`:                              "",
		`null`:                            "",
		`{"uri":""}`:                      "",
		`{"uri":null}`:                    "",
		`{"uri":["u"]}`:                   "",
		`{"URI":"u"}`:                     "",
		`{"uri":"u"}{"uri":"v"}`:          "",
		`["uri"]`:                         "",
		`{"uri":"u`:                       "",
		`{"uri":"u","x":"` + strings.Repeat("y", maxRequest) + `"}`: "",
	} {
		got, err := readEngFlow(strings.NewReader(in))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.40q: %q, %v", in, got, err)
		}
	}
}

func TestCheckURI(t *testing.T) {
	tests := []struct {
		uri, base string
		ok        bool
	}{
		{service, service, true},
		{service + "/", service, true},
		{service + "/chat/completions?x=1", service, true},
		{service + "/x", service + "/", true},
		{"HTTPS://OpenCode.AI:443/zen/go/v1/x", service, true},
		{service + "/x", "https://opencode.ai:443/zen/go/v1", true},
		{"http://127.0.0.1:8080/v1/x", "http://127.0.0.1:8080/v1", true},
		{"http://[::1]:80/v1/x", "http://[::1]/v1", true},
		{"https://a/x", "https://a", true},
		{"https://a", "https://a/", true},
		{"http://opencode.ai/zen/go/v1/x", service, false},
		{"https://opencode.ai:8443/zen/go/v1/x", service, false},
		{"https://opencode.ai/zen/go/v1beta", service, false},
		{"https://opencode.ai/zen/go", service, false},
		{"https://opencode.ai/", service, false},
		{"https://opencode.ai/ZEN/go/v1", service, false},
		{"https://opencode.ai.evil.example/zen/go/v1", service, false},
		{"https://evil.example/https://opencode.ai/zen/go/v1", service, false},
		{"https://opencode.ai@evil.example/zen/go/v1", service, false},
		{"https://user@opencode.ai/zen/go/v1", service, false},
		{"https://@opencode.ai/zen/go/v1", service, false},
		{`https://evil.example\@opencode.ai/zen/go/v1`, service, false},
		{"https://opencode.ai./zen/go/v1", service, false},
		{service + "/../../../x", service, false},
		{service + "/%2e%2E/x", service, false},
		{service + "/./x", service, false},
		{service + "/a%2F..%2fx", service, false},
		{service + `/a\x`, service, false},
		{service + "/a%5Cx", service, false},
		{"https:opencode.ai/zen/go/v1", service, false},
		{"//opencode.ai/zen/go/v1", service, false},
		{"/zen/go/v1", service, false},
		{"", service, false},
		{service + "/\x00", service, false},
		{service, "", false},
		{service, "opencode.ai", false},
	}
	for _, tt := range tests {
		err := checkURI(tt.uri, tt.base)
		if (err == nil) != tt.ok {
			t.Errorf("%q below %q: %v", tt.uri, tt.base, err)
		}
		if err != nil && strings.Contains(err.Error(), "evil") {
			t.Errorf("%q is shown in %q", tt.uri, err)
		}
	}
}

func FuzzReadGit(f *testing.F) {
	f.Add("protocol=https\nhost=a\n\n")
	f.Add("a=b\r\n\r\nc")
	f.Add("\n")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := readGit(strings.NewReader(in))
		slow, slowErr := readGit(iotest.OneByteReader(strings.NewReader(in)))
		if got != slow || (err == nil) != (slowErr == nil) {
			t.Fatalf("%q: %+v, %v at once, %+v, %v byte by byte", in, got, err, slow, slowErr)
		}
		for _, v := range []string{got.protocol, got.host} {
			if strings.ContainsAny(v, "\n\r\x00") || !strings.Contains(in, v) {
				t.Fatalf("%q: value %q", in, v)
			}
		}
	})
}

func FuzzEngFlow(f *testing.F) {
	f.Add(`{"uri":"` + service + `/x"}`)
	f.Add(`{"uri":"https://user@opencode.ai/zen/go/v1/../x"}`)
	f.Add(`{"uri":null,"URI":"x"}`)
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		err := Serve(Request{EngFlow, "get", service}, strings.NewReader(in), &out,
			func() (Answer, error) { return answer(nil), nil })
		if err != nil {
			if out.Len() > 0 {
				t.Fatalf("%q: wrote %q and failed", in, out.String())
			}
			return
		}
		var request struct{ URI string }
		if json.Unmarshal([]byte(in), &request) != nil {
			t.Fatalf("%q was answered", in)
		}
		uri, _ := readEngFlow(strings.NewReader(in))
		if !strings.HasPrefix(strings.ToLower(uri), "https://opencode.ai") {
			t.Fatalf("%q was answered", in)
		}
	})
}
