// Package state stores the pool in state.json: it defines the schema, and reads and writes the file
// under a lock. No field can hold a key. Package rotation decides which account is next.
package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"ocgo-key/internal/text"
)

// Version is the version of the schema. A file with a higher version is refused with ErrNewer.
const Version = 1

// State is the content of state.json.
type State struct {
	Version  int       `json:"version"`
	Accounts []Account `json:"accounts"`
	// Last is the id of the account last handed out, after which round-robin continues; empty
	// before the first hand-out.
	Last string `json:"last,omitempty"`
	// Turns maps each tier to the id of its account that was last handed out in turn. It is used
	// while the pool has several tiers; with one tier, Last is enough.
	Turns map[int]string `json:"turns,omitempty"`
	// Chosen is the id of the account that `use` has chosen for the next new holder.
	Chosen string `json:"chosen,omitempty"`
	// Passed are the ids of accounts that `rotate` has skipped since the last hand-out. Round-robin
	// does not use them.
	Passed []string `json:"passed,omitempty"`
	Leases []Lease  `json:"leases,omitempty"`
	// Conversations are the leases of conversations.
	Conversations Conversations `json:"conversations,omitzero"`
	// Pruned is the number of leases right after the last removal of leases of ended processes.
	Pruned int `json:"pruned,omitzero"`
	// Pending lists changes of keys in the keychain that a command has begun and not finished. The
	// command may have been killed.
	Pending  []Pending `json:"pending,omitempty"`
	Settings Settings  `json:"settings,omitzero"`
	// Confirmed are the `.ocgo-key` files that git tracks and that the user has confirmed.
	Confirmed []Confirmed `json:"confirmed,omitempty"`
	// Refusals are answers of the service that no rule covers, the latest last.
	Refusals []Refusal `json:"refusals,omitempty"`
	Later    Later     `json:",embed"`

	events []Event // appended to events.jsonl when this state is written
}

// Later holds the JSON members that only later versions of the program know. They are kept, so that
// a user can alternate between two versions. Later is never changed.
type Later = *jsontext.Value

// Account is one member of the pool; its key is in the keychain under its ID.
type Account struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Disabled bool   `json:"disabled,omitzero"`
	// Tier is the account's tier. Accounts of tier 2 are handed out only while no account of tier 1
	// is ready. 0 means 1.
	Tier     int       `json:"tier,omitzero"`
	Added    time.Time `json:"added,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero"`
	// KeyRev counts how often the account's key was replaced. A process with an older key fetches
	// the new one, and an answer to an older key changes nothing.
	KeyRev    int        `json:"key_rev,omitzero"`
	Rejected  *Rejection `json:"rejected,omitempty"`
	Cooldowns []Cooldown `json:"cooldowns,omitempty"`
	// Workspace and User are the service's ids from /usage. Two accounts with the same ids share
	// one usage limit.
	Workspace string `json:"workspace,omitempty"`
	User      string `json:"user,omitempty"`
	// Usage is the usage that the service last reported; nil if it never did.
	Usage *StoredUsage `json:"usage,omitempty"`
	Later Later        `json:",embed"`
}

// Settings are the settings of the pool that `ocgo-key config` changes. The default of each is its
// zero value.
type Settings struct {
	// Strategy picks the next account: "round-robin", "most-left" or "fill-first"; empty means
	// round-robin.
	Strategy string `json:"strategy,omitempty"`
	// Ahead is a percentage: if this much of a window is used, a holder switches to an account with
	// more left. 0 means never.
	Ahead int `json:"ahead,omitzero"`
	// Store is where the keys are stored: "os", "file" or "docker:NAME"; empty means "os".
	Store string `json:"store,omitempty"`
	// Identity is the path of the file store's age identity; empty means none.
	Identity string `json:"identity,omitempty"`
	// Move is a move of the keys that has begun and is not complete; zero means none.
	Move  Move  `json:"move,omitzero"`
	Later Later `json:",embed"`
}

// Move is a move of the keys from one store to another. As long as Settings.Store is From, the
// store From has all keys, and To may have some. When Settings.Store is To, the store To has all
// keys, and From may have some.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Other returns To if store is From, From if store is To, and else "".
func (m Move) Other(store string) string {
	switch store {
	case m.From:
		return m.To
	case m.To:
		return m.From
	}
	return ""
}

// Cooldown says until when an account is not handed out.
type Cooldown struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`           // shown to users: "weekly limit"
	Window string    `json:"window,omitempty"` // "5 hour", "weekly", "monthly", or empty
	Model  string    `json:"model,omitempty"`  // the limited model; empty for the whole account
}

// Rejection says that the service refused the account's key. The command `enable` or a new key ends
// it.
type Rejection struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Lease assigns an account to a process or a conversation.
type Lease struct {
	PID     int    `json:"pid,omitzero"`    // 0 for a conversation
	Start   string `json:"start,omitempty"` // start identity: differs between two processes with the same pid
	Command string `json:"command,omitempty"`
	// Conversation is a hash of the conversation's id; empty for a process.
	Conversation string    `json:"-"`
	Account      string    `json:"account"` // id
	Since        time.Time `json:"since,omitzero"`
	// Used is when a conversation last used the lease. It may be an hour old.
	Used time.Time `json:"used,omitzero"`
	// Ahead is when the holder last switched before its account reached a limit (see
	// Settings.Ahead); zero if it never did.
	Ahead time.Time `json:"ahead,omitzero"`
	// Chosen is the id of the account that the user last chose for this holder. The holder has
	// already switched to it, and does not do so a second time.
	Chosen string `json:"chosen,omitempty"`
	// Got is when `get` gave this account to the process; zero if it did not. Later calls of `get`
	// are recorded by NoteGet.
	Got time.Time `json:"got,omitzero"`
}

// Confirmed is a `.ocgo-key` file that is used although git tracks it.
type Confirmed struct {
	Path  string `json:"path"`
	Label string `json:"label"` // with another label, the file has to be confirmed again
}

// Refusal is an error answer that no rule covers. The gateway passes such answers on, and the state
// keeps them for the user. A Refusal holds no key and no part of a prompt.
type Refusal struct {
	Status  int       `json:"status"`
	Type    string    `json:"type,omitempty"`  // error.type
	Code    string    `json:"code,omitempty"`  // error.code
	Words   string    `json:"words,omitempty"` // the first words of the message
	Account string    `json:"account"`         // label of the account whose key was on the last request
	Count   int       `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// Pending is a change of a key in the keychain that a command has begun and not finished.
type Pending struct {
	ID    string    `json:"id"`
	Op    string    `json:"op"` // "add", "remove" or "replace"
	Since time.Time `json:"since"`
}

// Find returns a pointer to the account with this id in s, or nil.
func (s *State) Find(id string) *Account {
	if i := s.Index(id); i >= 0 {
		return &s.Accounts[i]
	}
	return nil
}

// Index returns the index of the account with this id, or -1.
func (s *State) Index(id string) int {
	return slices.IndexFunc(s.Accounts, func(a Account) bool { return a.ID == id })
}

// clone returns a copy that shares no memory with s.
func (s *State) clone() *State {
	c := *s
	c.Accounts, c.Leases, c.Conversations = slices.Clone(s.Accounts), slices.Clone(s.Leases), s.Conversations.clone()
	c.Pending, c.Passed = slices.Clone(s.Pending), slices.Clone(s.Passed)
	c.Refusals, c.Confirmed = slices.Clone(s.Refusals), slices.Clone(s.Confirmed)
	c.Turns = maps.Clone(s.Turns)
	for i := range c.Accounts {
		a := &c.Accounts[i]
		a.Cooldowns = slices.Clone(a.Cooldowns)
		if a.Rejected != nil {
			rejected := *a.Rejected
			a.Rejected = &rejected
		}
		if a.Usage != nil {
			usage := *a.Usage
			a.Usage = &usage
		}
	}
	c.events = slices.Clone(s.events)
	return &c
}

// ClearPending removes the pending change of id.
func (s *State) ClearPending(id string) {
	s.Pending = slices.DeleteFunc(s.Pending, func(p Pending) bool { return p.ID == id })
}

// Note adds an event. It is written to events.jsonl after the state.
func (s *State) Note(e Event) { s.events = append(s.events, e) }

// printable makes each label one line that is safe on a terminal. `add` accepts only safe labels,
// but a file can contain any.
func (s *State) printable() {
	for i := range s.Accounts {
		s.Accounts[i].Label = text.Line(s.Accounts[i].Label)
	}
}

// ErrNewer means that a newer version of the program wrote the state. The file is left as it is.
var ErrNewer = errors.New("the state was written by a newer version of ocgo-key")

// validate checks what the JSON format alone does not ensure.
func (s *State) validate() error {
	if s.Version < 1 {
		return errors.New("the file has no version")
	}
	if s.Accounts == nil {
		return errors.New("the file has no list of accounts")
	}
	ids := make(map[string]bool, len(s.Accounts))
	for _, a := range s.Accounts {
		if a.ID == "" || a.Label == "" || ids[a.ID] {
			return fmt.Errorf("account %q (%q) has no id, no label, or the id of another account", a.Label, a.ID)
		}
		ids[a.ID] = true
	}
	return nil
}
