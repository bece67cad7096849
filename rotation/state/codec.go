package state

import (
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decoded is a text and the state that it holds. Both are only read.
type decoded struct {
	text  string
	state *State
}

// latest is the last state that was decoded: one command reads the same text several times.
var latest atomic.Pointer[decoded]

// decode returns the state in the text of a file, for reading alone: other callers may have it too.
// With an error it returns a state that has at most its version.
func decode(text string) (*State, error) {
	if l := latest.Load(); l != nil && l.text == text {
		s := *l.state
		return &s, nil
	}
	s := new(State)
	err := json.Unmarshal([]byte(text), s)
	if err == nil {
		err = s.validate()
	}
	if err != nil {
		var other struct { // of a newer version, every other member may have another shape
			Version int `json:"version"`
		}
		_ = json.Unmarshal([]byte(text), &other)
		return &State{Version: other.Version}, err
	}
	shared := *s
	latest.Store(&decoded{text, &shared})
	return s, nil
}

// encode returns the text of s for a file, indented for people to read.
func encode(s *State) ([]byte, error) {
	return json.Marshal(s, json.Deterministic(true), jsontext.WithIndent(" "))
}
