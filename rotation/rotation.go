// Package rotation decides which account is next: the pool in its order, who holds which account,
// how long an account stays out after a limit, and what an answer of the service says of the
// account whose key was on it.
//
// It sees accounts by id and label, never a key, and never imports package keychain. Time and the
// process table are arguments, so that a test needs neither a clock nor a process.
package rotation

import (
	"context"
	"errors"
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// Store is where the state lives: state.File, or state.Memory.
type Store interface {
	Read(context.Context) (*state.State, error)
	Update(context.Context, func(*state.State) error) error
	Stamp() state.Stamp
	ReadEvents() (events []state.Event, broken int, err error)
}

// Pool is the rotation over one Store: the list of its accounts, who has which, and what is noted
// of them. It is safe for use by several goroutines, and several processes with a Pool over the
// same file agree with each other.
type Pool struct {
	*base
	*Accounts
	*Leases
	*Records
}

// Accounts are the list: what is changed there, and what the user has set for the whole pool.
type Accounts struct{ *base }

// Leases say who has which account, who gets which next, and what becomes of one whose account met
// a limit.
type Leases struct{ *base }

// Records are the history, what accounts have used, and answers of the service that no rule knows.
type Records struct{ *base }

// base is what all parts of a Pool work on.
type base struct {
	store Store
	now   func() time.Time
	alive func(pid int, start string) bool
}

// New returns the pool in store. alive reports whether that very process still runs.
func New(store Store, now func() time.Time, alive func(pid int, start string) bool) *Pool {
	b := &base{store, now, alive}
	return &Pool{b, &Accounts{b}, &Leases{b}, &Records{b}}
}

// Trail lets changes of the pool return as soon as they are made, where the store can do that: what
// is only a copy, or for people to look at, follows. wait is to be called before the process ends.
func (p *base) Trail() (wait func()) {
	store, ok := p.store.(interface {
		Trail()
		Wait()
	})
	if !ok {
		return func() {}
	}
	store.Trail()
	return store.Wait
}

// Handout is the account that a holder was given.
type Handout struct {
	ID     string
	Label  string
	KeyRev int // the account's keys so far: tells an old key from a new one
	// ByModel says that some model may be limited on this account, so that one who keeps the
	// hand-out in memory has to name the model and ask again.
	ByModel bool
	// Used is when the use of a conversation's lease was last written down; zero for a process's.
	Used time.Time
}

func (p *base) handout(a *state.Account) Handout {
	now := p.now()
	byModel := slices.ContainsFunc(a.Cooldowns, func(c state.Cooldown) bool { return c.Model != "" && now.Before(c.Until) })
	return Handout{ID: a.ID, Label: a.Label, KeyRev: a.KeyRev, ByModel: byModel}
}

// leased is the account a as it is handed out to the holder of l.
func (p *base) leased(l *state.Lease, a *state.Account) Handout {
	h := p.handout(a)
	h.Used = l.Used
	return h
}

// Stamp changes whenever the pool does, for the price of a stat.
func (p *base) Stamp() state.Stamp { return p.store.Stamp() }

// Errors of this package.
var (
	// ErrEmpty means that there is no account at all.
	ErrEmpty = errors.New("there is no account")
	// ErrNoSuchAccount means that no account has that label or number.
	ErrNoSuchAccount = errors.New("no such account")
	// ErrAlreadyThere means that the label is taken.
	ErrAlreadyThere = errors.New("already there")
	// ErrNoOther means that there is no ready account to move on to, other than the one in use.
	ErrNoOther = errors.New("no other account is ready")
)
