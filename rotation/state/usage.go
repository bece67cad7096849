package state

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Usage is the usage of an account at one time.
type Usage struct {
	At      time.Time         // time of the request to the service, by the local clock
	Windows map[string]Window // by name: rolling (5 hours), weekly, monthly; any may be missing
}

// Window is the usage of one of the three windows.
type Window struct {
	Status   string    `json:"status"`             // "ok" or "rate-limited"
	Percent  int       `json:"percent"`            // used; a whole number from 0
	ResetsAt time.Time `json:"resets_at,omitzero"` // by the local clock; zero if unknown
}

// StoredUsage is a Usage in the form of the file. Most commands need the windows of few accounts,
// so the windows are decoded only by Decode.
type StoredUsage struct {
	At      time.Time      `json:"at"`
	Windows jsontext.Value `json:"windows,omitzero"`

	usage *Usage // the usage that Stored was called on; nil if read from a file
}

// Stored returns u in the form of the file; nil if u is nil. The caller must not change u
// afterwards.
func (u *Usage) Stored() *StoredUsage {
	if u == nil {
		return nil
	}
	windows, err := json.Marshal(u.Windows, json.Deterministic(true))
	if err != nil {
		return nil
	}
	return &StoredUsage{u.At, windows, u}
}

// Decode returns the usage, which the caller must not change; nil if u is nil. Windows that cannot
// be decoded are missing.
func (u *StoredUsage) Decode() *Usage {
	switch {
	case u == nil:
		return nil
	case u.usage != nil:
		return u.usage
	}
	d := &Usage{At: u.At}
	if json.Unmarshal(u.Windows, &d.Windows) != nil {
		d.Windows = nil // missing windows do no harm
	}
	return d
}
