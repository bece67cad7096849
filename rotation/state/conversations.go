package state

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
)

// Conversations are the leases of conversations. In the file, they are one JSON object that maps
// the hash of a conversation's id to its lease. There may be hundreds, and most readers of the
// state do not need them, so they are decoded by the first call of All.
type Conversations struct {
	text   []byte // the JSON, until All decodes it; never changed
	leases []Lease
}

// All returns the leases, which the caller may change. If they cannot be decoded, there are none.
func (c *Conversations) All() *[]Lease {
	if c.text != nil {
		var byHash map[string]Lease
		_ = json.Unmarshal(c.text, &byHash) // lost leases do no harm
		c.text, c.leases = nil, make([]Lease, 0, len(byHash))
		for _, hash := range slices.Sorted(maps.Keys(byHash)) {
			l := byHash[hash]
			l.Conversation = hash
			c.leases = append(c.leases, l)
		}
	}
	return &c.leases
}

// IsZero reports whether there are no leases.
func (c Conversations) IsZero() bool { return c.text == nil && len(c.leases) == 0 }

// UnmarshalJSON keeps the JSON for All.
func (c *Conversations) UnmarshalJSON(text []byte) error {
	if string(text) != "null" {
		c.text, c.leases = slices.Clone(text), nil
	}
	return nil
}

// MarshalJSON returns the JSON that was read, unless All has decoded it.
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

func (c Conversations) clone() Conversations {
	return Conversations{c.text, slices.Clone(c.leases)}
}
