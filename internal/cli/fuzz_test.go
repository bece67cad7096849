package cli

import (
	"testing"
)

// FuzzBaseURL checks that no base URL sends a key unencrypted over the network: http is allowed
// only for a loopback address.
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
			t.Fatalf("%q is accepted as %q, which gives %v, %v when checked again", raw, u, again, err)
		}
	})
}
