package rotation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ocgo-key/rotation/state"
)

// View is one account as `list` shows it.
type View struct {
	Number    int // from 1, in the pool's order
	ID, Label string
	Enabled   bool
	Tier      int // from 1
	Condition Condition
	Leases    []state.Lease // of running processes
	// Conversations is the number of conversations that hold the account.
	Conversations int
	LastUsed      time.Time
	KeyRev        int
	Workspace     string
	User          string
	Usage         *state.Usage // as the service last reported it; nil if it never did
}

// Handout returns the account as a hand-out without a lease.
func (v View) Handout() Handout { return Handout{ID: v.ID, Label: v.Label, KeyRev: v.KeyRev} }

// Overview is the whole pool at one moment.
type Overview struct {
	Accounts []View
	Next     string // label of the account that a new process would get; empty if none is ready
	Last     string // id of the account last handed out
	Settings state.Settings
}

// Overview returns the current state of the pool. It changes nothing.
func (p *Accounts) Overview(ctx context.Context) (Overview, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Accounts: make([]View, len(s.Accounts)), Last: s.Last, Settings: s.Settings}
	for i := range s.Accounts {
		a := &s.Accounts[i]
		o.Accounts[i] = View{Number: i + 1, ID: a.ID, Label: a.Label, Enabled: !a.Disabled, Tier: tierOf(a), Condition: condition(a, "", p.now()),
			LastUsed: a.LastUsed, KeyRev: a.KeyRev, Workspace: a.Workspace, User: a.User, Usage: rebasedUsage(a.Usage.Decode(), p.now())}
	}
	for _, l := range s.Leases {
		if i := s.Index(l.Account); i >= 0 && p.alive(l.PID, l.Start) {
			o.Accounts[i].Leases = append(o.Accounts[i].Leases, l)
			if got := p.lastGet(l); got.After(o.Accounts[i].LastUsed) {
				o.Accounts[i].LastUsed = got
			}
		}
	}
	for _, l := range *s.Conversations.All() {
		if i := s.Index(l.Account); i >= 0 && !p.expired(l) {
			o.Accounts[i].Conversations++
		}
	}
	if next, err := p.choose(s, nil, Ask{}); err == nil {
		o.Next = next.Label
	}
	return o, nil
}

// Find returns the account with this label, or else the account with this number in the list.
func (o Overview) Find(name string) (View, error) {
	if i := slices.IndexFunc(o.Accounts, func(v View) bool { return strings.EqualFold(v.Label, name) }); i >= 0 {
		return o.Accounts[i], nil
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(o.Accounts) {
		return o.Accounts[n-1], nil
	}
	return View{}, fmt.Errorf("%w: %q", ErrNoSuchAccount, name)
}

// FreeLabel returns the default label of a new account: "Account N".
func (o Overview) FreeLabel() string {
	for n := len(o.Accounts) + 1; ; n++ {
		label := "Account " + strconv.Itoa(n)
		if _, err := o.Find(label); err != nil {
			return label
		}
	}
}

// Prepare records that a key for a new account will be stored in the keychain under id.
func (p *Accounts) Prepare(ctx context.Context, id, label string) error {
	return p.update(ctx, func(s *state.State) error {
		if err := labelFree(s, label, ""); err != nil {
			return err
		}
		s.Pending = append(s.Pending, state.Pending{ID: id, Op: "add", Since: p.now()})
		return nil
	})
}

// NewAccount describes an account for Add.
type NewAccount struct {
	ID, Label       string
	Workspace, User string // the service's ids; empty if they are not known
	Disabled        bool
}

// Add adds an account whose key is already in the keychain.
func (p *Accounts) Add(ctx context.Context, n NewAccount) error {
	return p.update(ctx, func(s *state.State) error {
		if err := labelFree(s, n.Label, ""); err != nil {
			return err
		}
		s.ClearPending(n.ID)
		s.Accounts = append(s.Accounts, state.Account{ID: n.ID, Label: n.Label, Disabled: n.Disabled, Added: p.now(), Workspace: n.Workspace, User: n.User})
		s.Note(state.Event{Time: p.now(), Kind: "added", Account: n.Label})
		if n.Disabled {
			s.Note(state.Event{Time: p.now(), Kind: "disabled", Account: n.Label})
		}
		return nil
	})
}

// ClearPending removes the record that a command has begun to add, replace or delete the key of id.
func (p *Accounts) ClearPending(ctx context.Context, id string) error {
	return p.update(ctx, func(s *state.State) error {
		s.ClearPending(id)
		return nil
	})
}

// PrepareReplace records that the account's key will be replaced.
func (p *Accounts) PrepareReplace(ctx context.Context, id string) error {
	return p.addPending(ctx, id, "replace")
}

// PrepareRemove records that the account's key will be deleted.
func (p *Accounts) PrepareRemove(ctx context.Context, id string) error {
	return p.addPending(ctx, id, "remove")
}

func (p *Accounts) addPending(ctx context.Context, id, op string) error {
	return p.update(ctx, func(s *state.State) error {
		if s.Find(id) == nil {
			return ErrNoSuchAccount
		}
		s.ClearPending(id)
		s.Pending = append(s.Pending, state.Pending{ID: id, Op: op, Since: p.now()})
		return nil
	})
}

// Remove removes an account whose key has been deleted.
func (p *Accounts) Remove(ctx context.Context, id string) error {
	return p.update(ctx, func(s *state.State) error {
		i := s.Index(id)
		if i < 0 {
			return ErrNoSuchAccount
		}
		before := "" // will count as the last one handed out, so that the next account stays the same
		if i > 0 {
			before = s.Accounts[i-1].ID
		}
		if s.Last == id {
			s.Last = before
		}
		for tier, last := range s.Turns {
			if last == id {
				s.Turns[tier] = before
			}
		}
		if s.Chosen == id {
			s.Chosen = ""
		}
		s.Note(state.Event{Time: p.now(), Kind: "removed", Account: s.Accounts[i].Label})
		s.Accounts = slices.Delete(s.Accounts, i, i+1)
		for _, leases := range []*[]state.Lease{&s.Leases, s.Conversations.All()} {
			*leases = slices.DeleteFunc(*leases, func(l state.Lease) bool { return l.Account == id })
		}
		s.ClearPending(id)
		return nil
	})
}

// Rename changes the account's label.
func (p *Accounts) Rename(ctx context.Context, id, label string) error {
	return p.change(ctx, id, func(s *state.State, a *state.Account) (string, error) {
		if err := labelFree(s, label, id); err != nil {
			return "", err
		}
		s.Note(state.Event{Time: p.now(), Kind: "renamed", Account: a.Label, To: label})
		a.Label = label
		return "", nil
	})
}

// Enable makes the account ready: it ends a `disable`, a rejection and all cooldowns, and forgets
// the last known usage if a window was used up. If a limit still applies, the service's next answer
// starts a new cooldown.
func (p *Accounts) Enable(ctx context.Context, id string) error {
	return p.change(ctx, id, func(_ *state.State, a *state.Account) (string, error) {
		a.Disabled, a.Rejected, a.Cooldowns, a.Usage = false, nil, nil, unlessUsedUp(a.Usage.Decode()).Stored()
		return "enabled", nil
	})
}

// Disable keeps the account from being handed out. Its holders get another account at their next
// request.
func (p *Accounts) Disable(ctx context.Context, id string) error {
	return p.change(ctx, id, func(_ *state.State, a *state.Account) (string, error) {
		a.Disabled = true
		return "disabled", nil
	})
}

// Replaced records that the account has a new key, and forgets the cooldowns, rejection and usage
// of the old key.
func (p *Accounts) Replaced(ctx context.Context, id, workspace, user string) error {
	return p.change(ctx, id, func(s *state.State, a *state.Account) (string, error) {
		s.ClearPending(id)
		a.KeyRev++
		a.Rejected, a.Cooldowns, a.Usage = nil, nil, nil
		a.Workspace, a.User = workspace, user
		return "replaced", nil
	})
}

// change changes one account. alter returns the kind of the event to record, or "" for none.
func (p *Accounts) change(ctx context.Context, id string, alter func(*state.State, *state.Account) (string, error)) error {
	return p.update(ctx, func(s *state.State) error {
		a := s.Find(id)
		if a == nil {
			return ErrNoSuchAccount
		}
		event, err := alter(s, a)
		if err == nil && event != "" {
			s.Note(state.Event{Time: p.now(), Kind: event, Account: a.Label})
		}
		return err
	})
}

func labelFree(s *state.State, label, except string) error {
	for _, a := range s.Accounts {
		if a.ID != except && strings.EqualFold(a.Label, label) {
			return fmt.Errorf("an account called %q is %w", a.Label, ErrAlreadyThere)
		}
	}
	return nil
}
