// Package accounts changes accounts together with their keys: it adds, replaces and removes them,
// and moves all keys from one store to another. Each of these is a transaction: cut short at any
// point it has lost no key, and the same command finishes it.
package accounts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"time"

	"ocgo-key/internal/report"
	"ocgo-key/rotation"
)

// Accounts is a pool with the keys of its accounts.
type Accounts struct {
	Pool    *rotation.Pool
	Keys    *Keys
	Service *url.URL // the base URL at which keys are checked
	Budget  Budget   // of each step that calls the key store
	Tell    report.Reporter
}

// A Budget is how long the calls of a key store may take together.
type Budget time.Duration

const (
	// ProgramBudget is for a command that a program waits for, which is promised an end within 8 s,
	// its start and its last words included.
	ProgramBudget = Budget(7500 * time.Millisecond)
	// PersonBudget is for a command before which a person sits, who may have to type a password.
	PersonBudget = Budget(60 * time.Second)
)

// Context ends when the budget is used up.
func (b Budget) Context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(b))
}

// NewID returns a name that an account keeps for good; labels may change.
func NewID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}
