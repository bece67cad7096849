// Package accounts changes accounts together with their keys. It adds and removes accounts,
// replaces their keys, and moves all keys to another store. If a change is interrupted at any
// point, no key is lost, and the same command completes the change.
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

// Accounts is a pool together with the keys of its accounts.
type Accounts struct {
	Pool    *rotation.Pool
	Keys    *Keys
	Service *url.URL // the base URL of the service that checks keys
	Budget  Budget   // the time limit of each step that calls the key store
	Tell    report.Reporter
}

// A Budget is the time limit of a group of calls of a key store.
type Budget time.Duration

const (
	// ProgramBudget is for commands that a program runs. The whole command takes at most 8 s.
	ProgramBudget = Budget(7500 * time.Millisecond)
	// PersonBudget is for commands that a user runs, who may have to type a password.
	PersonBudget = Budget(60 * time.Second)
)

// Context returns a context that ends when the budget is used up.
func (b Budget) Context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(b))
}

// NewID returns an id for an account. The id never changes; the label may.
func NewID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}
