package helper

import (
	"bytes"

	"ocgo-key/internal/keyform"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Grant is an account together with its key, as a process or a conversation gets it.
type Grant struct {
	rotation.Handout
	Key keychain.Secret
	// Moved is the holder's switch to this account. It is nil unless the switch was made or
	// detected by the call of Current that returned this grant.
	Moved *rotation.Switch
}

// Entry returns the key as an entry of an environment, NAME=KEY. Every process with this
// environment can read the key, and so can its child processes.
func (g Grant) Entry(name string) string { return name + "=" + g.Key.Reveal() }

// Redact returns output with every occurrence of the key replaced.
func (g Grant) Redact(output []byte) []byte {
	if g.Key.IsZero() {
		return output
	}
	return bytes.ReplaceAll(output, []byte(g.Key.Reveal()), []byte(keyform.Hidden))
}
