package state

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// A later version of the program may keep more than this one knows, in a file of the same format.
// What this one does not know it keeps, in the state itself, the settings and each account: two
// versions can then take turns.

// members are those of a JSON object.
type members = map[string]json.RawMessage

// outline is a state's JSON as far as it has members that may be unknown.
type outline struct {
	Settings members   `json:"settings"`
	Accounts []members `json:"accounts"`
}

// encode is what goes into the file.
func (s *State) encode() ([]byte, error) {
	data, err := encodeOurs(s)
	if err != nil || s.text == nil {
		return data, err
	}
	var before members
	var within outline
	if json.Unmarshal(s.text, &before) != nil || json.Unmarshal(s.text, &within) != nil {
		return data, nil // members that are there twice, in two shapes: the last one counts
	}
	ours := known()
	top, settings, accounts := unknown(before, ours.state), unknown(within.Settings, ours.settings), map[string]members{}
	for _, a := range within.Accounts {
		var id string
		if later := unknown(a, ours.account); len(later) > 0 && json.Unmarshal(a["id"], &id) == nil {
			accounts[id] = later
		}
	}
	if len(top)+len(settings)+len(accounts) == 0 {
		return data, nil
	}
	return joined(data, top, settings, accounts)
}

// joined adds to the JSON of a state what this version does not know.
func joined(data []byte, top, settings members, accounts map[string]members) ([]byte, error) {
	var all members
	var within outline
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &within); err != nil {
		return nil, err
	}
	add(all, top)
	for _, a := range within.Accounts {
		var id string
		if err := json.Unmarshal(a["id"], &id); err != nil {
			return nil, err
		}
		add(a, accounts[id])
	}
	if within.Settings == nil {
		within.Settings = members{}
	}
	add(within.Settings, settings)
	var err error
	if all["accounts"], err = json.Marshal(within.Accounts); err != nil {
		return nil, err
	}
	if len(within.Settings) > 0 {
		if all["settings"], err = json.Marshal(within.Settings); err != nil {
			return nil, err
		}
	}
	return json.MarshalIndent(all, "", " ")
}

func add(to, from members) {
	for name, value := range from {
		to[name] = value
	}
}

// unknown are the members that are not among ours, as encoding/json compares names.
func unknown(all members, ours map[string]bool) members {
	later := members{}
	for name, value := range all {
		if !ours[strings.ToLower(name)] {
			later[name] = value
		}
	}
	return later
}

// known are the names of the members that this version knows.
var known = sync.OnceValue(func() (k struct{ state, settings, account map[string]bool }) {
	k.state, k.settings, k.account = names[State](), names[Settings](), names[Account]()
	return k
})

func names[T any]() map[string]bool {
	all := map[string]bool{}
	for field := range reflect.TypeFor[T]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			all[name] = true
		}
	}
	return all
}
