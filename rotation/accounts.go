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
	Condition Condition
	Leases    []state.Lease // of processes that run
	// Conversations is how many of them have the account.
	Conversations int
	LastUsed      time.Time
	KeyRev        int
	Workspace     string
	User          string
	Usage         *state.Usage // what the service last said of it; nil if it never did
}

// Handout is the account as it is handed out.
func (v View) Handout() Handout { return Handout{ID: v.ID, Label: v.Label, KeyRev: v.KeyRev} }

// Overview is the whole pool at one moment.
type Overview struct {
	Accounts []View
	Next     string // label of the account a new process would get; empty if none is ready
	Last     string // id of the account last handed out
	Settings state.Settings
}

// Overview returns the pool as it stands, changing nothing.
func (p *Accounts) Overview(ctx context.Context) (Overview, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Accounts: make([]View, len(s.Accounts)), Last: s.Last, Settings: s.Settings}
	for i := range s.Accounts {
		a := &s.Accounts[i]
		o.Accounts[i] = View{Number: i + 1, ID: a.ID, Label: a.Label, Enabled: !a.Disabled, Condition: condition(a, "", p.now()),
			LastUsed: a.LastUsed, KeyRev: a.KeyRev, Workspace: a.Workspace, User: a.User, Usage: rebasedUsage(a.Usage, p.now())}
	}
	for _, l := range s.Leases {
		i := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return a.ID == l.Account })
		if i >= 0 && p.alive(l.PID, l.Start) {
			o.Accounts[i].Leases = append(o.Accounts[i].Leases, l)
		}
	}
	for _, l := range *s.Conversations.All() {
		i := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return a.ID == l.Account })
		if i >= 0 && !p.over(l) {
			o.Accounts[i].Conversations++
		}
	}
	if a, err := p.next(s, Ask{}); err == nil {
		o.Next = a.Label
	}
	return o, nil
}

// Find returns the account called name: a label, or a number as `list` shows it. A label wins over
// a number.
func (o Overview) Find(name string) (View, error) {
	for _, v := range o.Accounts {
		if v.Label == name {
			return v, nil
		}
	}
	for _, v := range o.Accounts {
		if strings.EqualFold(v.Label, name) {
			return v, nil
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(o.Accounts) {
		return o.Accounts[n-1], nil
	}
	return View{}, fmt.Errorf("%w: %q", ErrNoSuchAccount, name)
}

// FreeLabel returns the label that an account gets when none is given: "Account N".
func (o Overview) FreeLabel() string {
	for n := len(o.Accounts) + 1; ; n++ {
		label := "Account " + strconv.Itoa(n)
		if _, err := o.Find(label); err != nil {
			return label
		}
	}
}

// Prepare writes down that the key of a new account is about to go into the keychain under id.
func (p *Accounts) Prepare(ctx context.Context, id, label string) error {
	return p.update(ctx, func(s *state.State) error {
		if err := labelFree(s, label, ""); err != nil {
			return err
		}
		s.Pending = append(s.Pending, state.Pending{ID: id, Op: "add", Since: p.now()})
		return nil
	})
}

// Newcomer is an account that is about to be listed.
type Newcomer struct {
	ID, Label       string
	Workspace, User string // the service's ids; empty where it told none
	Disabled        bool
}

// Add lists the account, once its key is safely in the keychain.
func (p *Accounts) Add(ctx context.Context, n Newcomer) error {
	return p.update(ctx, func(s *state.State) error {
		if err := labelFree(s, n.Label, ""); err != nil {
			return err
		}
		s.Settle(n.ID)
		s.Accounts = append(s.Accounts, state.Account{ID: n.ID, Label: n.Label, Disabled: n.Disabled, Added: p.now(), Workspace: n.Workspace, User: n.User})
		s.Note(state.Event{Time: p.now(), Kind: "added", Account: n.Label})
		if n.Disabled {
			s.Note(state.Event{Time: p.now(), Kind: "disabled", Account: n.Label})
		}
		return nil
	})
}

// Settle writes down that no key is left in the keychain under id.
func (p *Accounts) Settle(ctx context.Context, id string) error {
	return p.update(ctx, func(s *state.State) error {
		s.Settle(id)
		return nil
	})
}

// PrepareReplace writes down that another key is about to take the place of the account's.
func (p *Accounts) PrepareReplace(ctx context.Context, id string) error {
	return p.pend(ctx, id, "replace")
}

// PrepareRemove writes down that the account's key is about to be deleted.
func (p *Accounts) PrepareRemove(ctx context.Context, id string) error {
	return p.pend(ctx, id, "remove")
}

func (p *Accounts) pend(ctx context.Context, id, op string) error {
	return p.update(ctx, func(s *state.State) error {
		if s.Find(id) == nil {
			return ErrNoSuchAccount
		}
		s.Settle(id)
		s.Pending = append(s.Pending, state.Pending{ID: id, Op: op, Since: p.now()})
		return nil
	})
}

// Remove takes the account off the list, once its key is gone.
func (p *Accounts) Remove(ctx context.Context, id string) error {
	return p.update(ctx, func(s *state.State) error {
		i := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return a.ID == id })
		if i < 0 {
			return ErrNoSuchAccount
		}
		if s.Last == id { // so that the next account stays the next
			s.Last = ""
			if i > 0 {
				s.Last = s.Accounts[i-1].ID
			}
		}
		s.Note(state.Event{Time: p.now(), Kind: "removed", Account: s.Accounts[i].Label})
		s.Accounts = slices.Delete(s.Accounts, i, i+1)
		gone := func(l state.Lease) bool { return l.Account == id }
		s.Leases = slices.DeleteFunc(s.Leases, gone)
		all := s.Conversations.All()
		*all = slices.DeleteFunc(*all, gone)
		s.Settle(id)
		return nil
	})
}

// Rename gives the account another label.
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

// Enable lets the account be picked again, now: it takes back `disable`, a rejection and cooldowns,
// and forgets that it is used up. Where a limit still holds, the service's next answer says so
// again.
func (p *Accounts) Enable(ctx context.Context, id string) error {
	return p.change(ctx, id, func(_ *state.State, a *state.Account) (string, error) {
		a.Disabled, a.Rejected, a.Cooldowns, a.Usage = false, nil, nil, withRoom(a.Usage)
		return "enabled", nil
	})
}

// Disable keeps the account from being picked; who holds it moves on at the next request.
func (p *Accounts) Disable(ctx context.Context, id string) error {
	return p.change(ctx, id, func(_ *state.State, a *state.Account) (string, error) {
		a.Disabled = true
		return "disabled", nil
	})
}

// Replaced writes down that the account has a new key: what was known of the old one is forgotten.
func (p *Accounts) Replaced(ctx context.Context, id, workspace, user string) error {
	return p.change(ctx, id, func(s *state.State, a *state.Account) (string, error) {
		s.Settle(id)
		a.KeyRev++
		a.Rejected, a.Cooldowns, a.Usage = nil, nil, nil
		a.Workspace, a.User = workspace, user
		return "replaced", nil
	})
}

// change alters one account; the returned word, if any, is the event to note.
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
