package state

import (
	"bytes"
	"sync/atomic"

	"github.com/go-json-experiment/json"
)

// decoded is a text and the state decoded from it. Neither is ever changed.
type decoded struct {
	text  []byte
	state *State
}

// latest is the last state that was decoded. One command reads the same text several times.
var latest atomic.Pointer[decoded]

// decode decodes the text of a file. Callers share the lists of the state, and must not change
// them. With an error, decode returns a state that has only the version, if that is known.
func decode(text []byte) (*State, error) {
	if l := latest.Load(); l != nil && bytes.Equal(l.text, text) {
		s := *l.state
		return &s, nil
	}
	s := new(State)
	err := json.Unmarshal(text, s)
	if err == nil {
		err = s.validate()
	}
	if err != nil {
		var other struct { // in a newer version, the other members may have other types
			Version int `json:"version"`
		}
		_ = json.Unmarshal(text, &other)
		return &State{Version: other.Version}, err
	}
	s.printable()
	shared := *s
	latest.Store(&decoded{text, &shared})
	return s, nil
}

// encode returns the text of s for a file. It is one line, so that reading it is faster: see
// docs/decisions/0023-json-of-the-state.md.
func encode(s *State) ([]byte, error) {
	return json.Marshal(s, json.Deterministic(true))
}
