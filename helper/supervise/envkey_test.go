package supervise

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper"
	"ocgo-key/helper/wrapper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// The reason in the verdict comes from the command's output, and never contains the key.
func TestOutputVerdictTakesTheKeyOut(t *testing.T) {
	const key = "sk-marked-of-this-test"
	grant := helper.Grant{Key: keychain.NewSecret(key)}
	said := []byte(`{"type":"error","error":{"type":"AuthError","message":"Incorrect API key provided: sk-marked-of-this-test"}}`)
	v := outputVerdict(wrapper.Status{Code: 1}, grant.Redact(said), time.Now())
	assert.Equal(t, rotation.Reject, v.Action)
	assert.Contains(t, v.Reason, "[redacted]")
	assert.NotContains(t, v.Reason, key)
}
