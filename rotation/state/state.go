// Package state is where the pool survives: the schema of state.json, the lock around it, and how
// it is read and written. It knows accounts by their ids and labels; it has no field that could
// hold a key, and decides nothing (who is next is package rotation's business).
package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Version is the schema this program writes. A file with a higher one is left alone: see ErrNewer.
const Version = 1

// State is all of state.json.
type State struct {
	Version  int       `json:"version"`
	Accounts []Account `json:"accounts"`
	// Last is the id of the account last handed out, from which round-robin counts on; empty before
	// the first.
	Last string `json:"last,omitempty"`
	// Passed are ids that `rotate` passed over for the next hand-out, where the strategy goes by no
	// turn.
	Passed []string `json:"passed,omitempty"`
	Leases []Lease  `json:"leases,omitempty"`
	// Conversations are the leases of conversations, which end by time.
	Conversations Conversations `json:"conversations,omitzero"`
	// Pruned is how many leases were left when those of ended processes were last cleared away.
	Pruned int `json:"pruned,omitzero"`
	// Pending names ids whose key may be in the keychain without an account, because a command is
	// at work between the two, or was killed there.
	Pending []Pending `json:"pending,omitempty"`
	// Settings are the user's choices for the pool.
	Settings Settings `json:"settings,omitzero"`
	// Refusals are answers of the service that no rule knows, the latest last.
	Refusals []Refusal `json:"refusals,omitempty"`
	Later    Later     `json:",embed"`

	events []Event // to be appended to events.jsonl once this state is written
}

// Later holds the members that only later versions of the program know, as JSON. They are kept, so
// that two versions can take turns on one file. Nobody writes to it.
type Later = *jsontext.Value

// Account is one member of the pool; its key is in the keychain under its ID.
type Account struct {
	ID       string    `json:"id"`
	Label    string    `json:"label"`
	Disabled bool      `json:"disabled,omitzero"`
	Added    time.Time `json:"added,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero"`
	// KeyRev counts the keys this account has had. A process that holds an older one fetches the
	// new, and an answer to an older one says nothing of the new.
	KeyRev    int        `json:"key_rev,omitzero"`
	Rejected  *Rejection `json:"rejected,omitempty"`
	Cooldowns []Cooldown `json:"cooldowns,omitempty"`
	// Workspace and User are the service's ids as /usage told them; two accounts with the same two
	// share one usage limit.
	Workspace string `json:"workspace,omitempty"`
	User      string `json:"user,omitempty"`
	// Usage is what the service last said this account has used; nil before it said anything.
	Usage *Usage `json:"usage,omitempty"`
	Later Later  `json:",embed"`
}

// Usage is the service's word on what an account has used, and when that was. It holds numbers
// alone.
type Usage struct {
	At      time.Time         `json:"at"`      // when the service was asked, by our clock
	Windows map[string]Window `json:"windows"` // by name: rolling (5 hours), weekly, monthly; any may be missing
}

// Window is what is used of one of the three usage limits.
type Window struct {
	Status   string    `json:"status"`             // "ok" or "rate-limited"
	Percent  int       `json:"percent"`            // used; a whole number from 0
	ResetsAt time.Time `json:"resets_at,omitzero"` // by our clock; zero if the service did not tell
}

// Settings are what a user chose for the whole pool with `ocgo-key config`. The zero value is the
// default of each.
type Settings struct {
	// Strategy is how the next account is picked: "round-robin", "most-left" or "fill-first"; empty
	// is round-robin.
	Strategy string `json:"strategy,omitempty"`
	// Ahead is at how many percent used of a window a process leaves its account for one with more
	// left; 0 is never.
	Ahead int `json:"ahead,omitzero"`
	// Store is where the keys are kept: "os", "file" or "docker:NAME"; empty is "os".
	Store string `json:"store,omitempty"`
	// Identity is the path of the file store's age identity; empty is none. It is a path, not the
	// identity.
	Identity string `json:"identity,omitempty"`
	// Move is under way, or was cut short; zero is none.
	Move  Move  `json:"move,omitzero"`
	Later Later `json:",embed"`
}

// Move says that the keys move from one store to another. Up to the moment at which Store becomes
// To, From has all keys and To some; from then on it is the other way round.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Other is the end of the move that is not store; empty where store is neither, or there is no
// move.
func (m Move) Other(store string) string {
	switch store {
	case m.From:
		return m.To
	case m.To:
		return m.From
	}
	return ""
}

// Cooldown is a time before which an account is not picked.
type Cooldown struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`           // as people read it: "weekly limit"
	Window string    `json:"window,omitempty"` // "5 hour", "weekly", "monthly", or empty
	Model  string    `json:"model,omitempty"`  // only this model is limited; empty means the whole account
}

// Rejection says that the service refused the account's key, and why. It ends with `enable` or a
// new key.
type Rejection struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Lease is the account that a process or a conversation holds.
type Lease struct {
	PID     int    `json:"pid,omitzero"`    // 0 for a conversation
	Start   string `json:"start,omitempty"` // the process's start identity, so that a reused pid is a new process
	Command string `json:"command,omitempty"`
	// Conversation is a hash of the conversation's id; empty for a process.
	Conversation string    `json:"-"`
	Account      string    `json:"account"` // id
	Since        time.Time `json:"since,omitzero"`
	// Used is when a conversation last used it, to the hour.
	Used time.Time `json:"used,omitzero"`
	// Ahead is when its holder last left an account before its limit; zero if it never did.
	Ahead time.Time `json:"ahead,omitzero"`
}

// Refusal is a kind of answer with which the service refused requests and that no rule of this
// program knows. It was passed on, and is kept for people to see. It holds no key and nothing of a
// prompt.
type Refusal struct {
	Status  int       `json:"status"`
	Type    string    `json:"type,omitempty"`  // error.type
	Code    string    `json:"code,omitempty"`  // error.code
	Words   string    `json:"words,omitempty"` // the message's first
	Account string    `json:"account"`         // label of the account whose key was on the last one
	Count   int       `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// Pending is a key on its way into or out of the keychain.
type Pending struct {
	ID    string    `json:"id"`
	Op    string    `json:"op"` // "add", "remove" or "replace"
	Since time.Time `json:"since"`
}

// Find returns the account with this id, or nil. The pointer is into s.
func (s *State) Find(id string) *Account {
	for i := range s.Accounts {
		if s.Accounts[i].ID == id {
			return &s.Accounts[i]
		}
	}
	return nil
}

// Lease returns the lease of the process with this pid and start identity, or nil. The pointer is
// into s.
func (s *State) Lease(pid int, start string) *Lease {
	for i := range s.Leases {
		if s.Leases[i].PID == pid && s.Leases[i].Start == start {
			return &s.Leases[i]
		}
	}
	return nil
}

// clone is a copy that shares nothing with s.
func (s *State) clone() *State {
	c := *s
	c.Accounts, c.Leases, c.Conversations = slices.Clone(s.Accounts), slices.Clone(s.Leases), s.Conversations.clone()
	c.Pending, c.Passed = slices.Clone(s.Pending), slices.Clone(s.Passed)
	c.Refusals = slices.Clone(s.Refusals)
	for i := range c.Accounts {
		a := &c.Accounts[i]
		a.Cooldowns = slices.Clone(a.Cooldowns)
		if a.Rejected != nil {
			rejected := *a.Rejected
			a.Rejected = &rejected
		}
		if a.Usage != nil {
			usage := *a.Usage
			usage.Windows = maps.Clone(usage.Windows)
			a.Usage = &usage
		}
	}
	c.events = slices.Clone(s.events)
	return &c
}

// Settle takes id off the pending list.
func (s *State) Settle(id string) {
	s.Pending = slices.DeleteFunc(s.Pending, func(p Pending) bool { return p.ID == id })
}

// Note adds an event that is written to events.jsonl together with this state.
func (s *State) Note(e Event) { s.events = append(s.events, e) }

// ErrNewer means that a newer version of the program wrote the state; it is neither changed nor set
// aside.
var ErrNewer = errors.New("the state was written by a newer version of ocgo-key")

// validate says whether s can be worked with, since JSON that parses may still be nonsense.
func (s *State) validate() error {
	if s.Version < 1 {
		return errors.New("it has no version")
	}
	if s.Accounts == nil {
		return errors.New("it has no list of accounts")
	}
	ids := make(map[string]bool, len(s.Accounts))
	for _, a := range s.Accounts {
		if a.ID == "" || a.Label == "" || ids[a.ID] {
			return fmt.Errorf("account %q (%q) has no id, no label, or an id that is there twice", a.Label, a.ID)
		}
		ids[a.ID] = true
	}
	return nil
}
