package cli

import (
	"strings"
	"testing"
	"time"

	"ocgo-key/helper/wrapper"
	"ocgo-key/keychain"
)

// FuzzOutputVerdict reads whatever a command said last, with its key somewhere in it. What is kept of that is one line
// without the key.
func FuzzOutputVerdict(f *testing.F) {
	const secret = "sk-marked-of-a-fuzz-target"
	for _, said := range []string{
		`Error: {"type":"error","error":{"type":"AuthError","message":"no such key: KEY"}}`, "429 Too Many Requests KEY",
		`{"type":"error","error":{"type":"GoUsageLimitError","message":"KEYKEY\u001b[31m"},"metadata":{"limitName":"weekly"}}`, "usage limit\r\n\x1b]0;KEY\a", "KE",
	} {
		f.Add(1, said)
	}
	f.Fuzz(func(t *testing.T, code int, said string) {
		said = strings.ReplaceAll(said, "KEY", secret)
		v := outputVerdict(wrapper.Status{Code: code}, []byte(said), keychain.NewSecret(secret), time.Now())
		if strings.Contains(v.Reason, secret) || strings.ContainsAny(v.Reason, "\n\r\x1b\a") {
			t.Fatalf("%q is kept as %q", said, v.Reason)
		}
		if code == 0 && v.Failover() {
			t.Fatalf("a command that succeeded met a limit: %q", said)
		}
	})
}

// FuzzBaseURL takes whatever text as the service's address: a key goes there in clear to this machine alone.
func FuzzBaseURL(f *testing.F) {
	for _, raw := range []string{"https://opencode.ai/zen/go/v1", "http://127.0.0.1:8080/x", "http://localhost", "http://[::1]:1/", "http://127.0.0.1.evil.example",
		"http://127.0.0.1@evil.example", "HTTP://LOCALHOST", "https:opencode.ai", "https://a b", "//x", "http://0x7f.1", "http://localhost%00.evil"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseBaseURL(raw)
		if err != nil {
			return
		}
		if u.User != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			t.Fatalf("%q is %q", raw, u)
		}
		again, err := parseBaseURL(u.String())
		if err != nil || again.Host != u.Host || again.Scheme != u.Scheme || again.Path != u.Path {
			t.Fatalf("%q is %q, and that is %v, %v", raw, u, again, err)
		}
	})
}
