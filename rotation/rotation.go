// Package rotation decides which account is used next. It keeps the pool of accounts with their
// leases and cooldowns, and decides what an answer of the service means for the account whose key
// was on the request.
//
// The package has ids and labels of accounts, but never a key, and it never imports package
// keychain. Time and the process table are arguments, so that tests need no clock and no process.
package rotation

import (
	"context"
	"errors"
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// Store is where the state is kept: a state.File or a state.Memory.
type Store interface {
	Read(context.Context) (*state.State, error)
	Update(context.Context, func(*state.State) error) error
	Stamp() state.Stamp
	NoteGet(pid int, at time.Time) error
	LastGet(pid int) time.Time
	ForgetGets(pids []int)
	ReadEvents() (events []state.Event, broken int, err error)
}

// Pool is the rotation over one Store. Several goroutines may use a Pool at the same time, and
// several processes may open the same state file.
type Pool struct {
	*base
	*Accounts
	*Leases
	*Records
}

// Accounts manages the list of accounts and the settings of the pool.
type Accounts struct{ *base }

// Leases hands out accounts to holders, and moves a holder to another account after a limit.
type Leases struct{ *base }

// Records keeps the history, the usage of the accounts, and answers of the service that no rule
// covers.
type Records struct{ *base }

// base is shared by all parts of a Pool.
type base struct {
	store Store
	now   func() time.Time
	alive func(pid int, start string) bool
}

// New returns the pool in store. alive reports whether the process with this pid and start identity
// is running.
func New(store Store, now func() time.Time, alive func(pid int, start string) bool) *Pool {
	b := &base{store, now, alive}
	return &Pool{b, &Accounts{b}, &Leases{b}, &Records{b}}
}

// WriteBehind moves the writing of the history and of the copy of the state to the background, if
// the store supports that. The caller calls wait before the process ends.
func (p *base) WriteBehind() (wait func()) {
	if file, ok := p.store.(*state.File); ok {
		file.WriteBehind()
		return file.Wait
	}
	return func() {}
}

// Handout is an account as it is given to a holder.
type Handout struct {
	ID     string
	Label  string
	KeyRev int // counts how often the account's key was replaced: a lower number means an older key
	// ByModel says that the account has a cooldown for a single model. A holder that caches the
	// hand-out has to call Take for each request, with its model.
	ByModel bool
	// Used is when a conversation last used the lease, as recorded; zero for a process.
	Used time.Time
}

func (p *base) handout(a *state.Account) Handout {
	now := p.now()
	byModel := slices.ContainsFunc(a.Cooldowns, func(c state.Cooldown) bool { return c.Model != "" && now.Before(c.Until) })
	return Handout{ID: a.ID, Label: a.Label, KeyRev: a.KeyRev, ByModel: byModel}
}

// leased returns the hand-out of account a to the holder of the lease l.
func (p *base) leased(l *state.Lease, a *state.Account) Handout {
	h := p.handout(a)
	h.Used = l.Used
	return h
}

// Stamp returns a value that changes with every change of the pool. It costs one stat of the file.
func (p *base) Stamp() state.Stamp { return p.store.Stamp() }

// Errors of this package.
var (
	// ErrEmpty means that the pool has no accounts.
	ErrEmpty = errors.New("there is no account")
	// ErrNoSuchAccount means that no account has that label or number.
	ErrNoSuchAccount = errors.New("no such account")
	// ErrAlreadyThere means that the label is taken.
	ErrAlreadyThere = errors.New("already there")
	// ErrNoOther means that no account is ready except the one in use.
	ErrNoOther = errors.New("no other account is ready")
)
