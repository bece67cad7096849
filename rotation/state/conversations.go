package state

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Conversations are the leases of conversations: in the file one object with a member for each, by
// the hash of its id. There may be hundreds, in which most who read the state have no interest, so
// they are decoded when they are asked for.
type Conversations struct {
	text   []byte // as the file has them, until they are asked for; only read
	leases []Lease
}

// All returns the leases, for the caller to read and change. What makes no sense is left out.
func (c *Conversations) All() *[]Lease {
	if c.text != nil {
		var byHash map[string]Lease
		_ = json.Unmarshal(c.text, &byHash) // they can be learned anew
		c.text, c.leases = nil, make([]Lease, 0, len(byHash))
		for hash, l := range byHash {
			l.Conversation = hash
			c.leases = append(c.leases, l)
		}
		slices.SortFunc(c.leases, func(a, b Lease) int { return strings.Compare(a.Conversation, b.Conversation) })
	}
	return &c.leases
}

// IsZero reports whether there is none.
func (c Conversations) IsZero() bool { return c.text == nil && len(c.leases) == 0 }

// UnmarshalJSON keeps the text for later.
func (c *Conversations) UnmarshalJSON(text []byte) error {
	if string(text) != "null" {
		c.text, c.leases = slices.Clone(text), nil
	}
	return nil
}

// MarshalJSON gives back what nobody asked for as it was.
func (c Conversations) MarshalJSON() ([]byte, error) {
	if c.text != nil {
		return c.text, nil
	}
	byHash := make(map[string]Lease, len(c.leases))
	for _, l := range c.leases {
		byHash[l.Conversation] = l
	}
	return json.Marshal(byHash)
}

// clone is a copy that can be changed alone.
func (c Conversations) clone() Conversations {
	return Conversations{c.text, slices.Clone(c.leases)}
}
