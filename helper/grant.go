package helper

import (
	"bytes"

	"ocgo-key/internal/keyform"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Grant is an account together with its key: what a process is given.
type Grant struct {
	rotation.Handout
	Key keychain.Secret
	// Moved is the switch to this account if the call of Current that returned this grant found the
	// process moved by somebody else; otherwise nil.
	Moved *rotation.Switch
}

// Entry is the key as an entry of an environment: the variable called name. Every process that gets
// such an environment can read the key, and so can what it starts.
func (g Grant) Entry(name string) string { return name + "=" + g.Key.Reveal() }

// Redact returns said with the key replaced wherever it stands.
func (g Grant) Redact(said []byte) []byte {
	if g.Key.IsZero() {
		return said
	}
	return bytes.ReplaceAll(said, []byte(g.Key.Reveal()), []byte(keyform.Hidden))
}
