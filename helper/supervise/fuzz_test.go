package supervise

import (
	"strings"
	"testing"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/wrapper"
	"ocgo-key/keychain"
)

// FuzzOutputVerdict judges any output that contains the key. The reason in the verdict must be one
// line without the key.
func FuzzOutputVerdict(f *testing.F) {
	const secret = "sk-marked-of-a-fuzz-target"
	grant := helper.Grant{Key: keychain.NewSecret(secret)}
	for _, said := range []string{
		`Error: {"type":"error","error":{"type":"AuthError","message":"no such key: KEY"}}`, "429 Too Many Requests KEY",
		`{"type":"error","error":{"type":"GoUsageLimitError","message":"KEYKEY\u001b[31m"},"metadata":{"limitName":"weekly"}}`, "usage limit\r\n\x1b]0;KEY\a", "KE",
	} {
		f.Add(1, said)
	}
	f.Fuzz(func(t *testing.T, code int, said string) {
		said = strings.ReplaceAll(said, "KEY", secret)
		v := outputVerdict(wrapper.Status{Code: code}, grant.Redact([]byte(said)), time.Now())
		if strings.Contains(v.Reason, secret) || strings.ContainsAny(v.Reason, "\n\r\x1b\a") {
			t.Fatalf("%q is kept as %q", said, v.Reason)
		}
		if code == 0 && v.Failover() {
			t.Fatalf("a command that succeeded got the verdict of a limit: %q", said)
		}
	})
}
