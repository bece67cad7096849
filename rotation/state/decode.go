package state

import (
	"encoding/json"
	"sync/atomic"
)

// decoded is a text and the state that it is. Both are only read.
type decoded struct {
	text  string
	state *State
}

// latest is what was decoded last. One command reads the same text several times.
var latest atomic.Pointer[decoded]

// decode returns the state in the text of a file, for reading alone: others may have it too. Also
// with an error there is a state, as far as it could be read.
func decode(text string) (*State, error) {
	if l := latest.Load(); l != nil && l.text == text {
		s := *l.state
		return &s, nil
	}
	s, ours := decodeOurs(text)
	var err error
	if !ours {
		s = &State{text: []byte(text)}
		err = json.Unmarshal(s.text, s) // a version is read even where what follows has another shape
	}
	if err == nil {
		err = s.validate()
	}
	if ours && err == nil {
		shared := *s
		latest.Store(&decoded{text, &shared})
	}
	return s, err
}

// decodeOurs decodes a state that encodeOurs wrote. It is written by hand because every `get` reads
// the whole state, and encoding/json takes many times as long. It reports false for any other text:
// unknown, reordered, repeated or null members. decode then uses encoding/json.
// TestEncodeAndDecodeKnowEveryField holds it to encoding/json. Why it exists:
// docs/decisions/0023-codec-of-the-state.md.
func decodeOurs(text string) (s *State, ok bool) {
	r := reader{text: text}
	s = new(State)
	r.object(func() { r.state(s) })
	r.space()
	return s, !r.failed && r.at == len(r.text)
}

func (r *reader) state(s *State) {
	if r.member("version") {
		s.Version = r.number()
	}
	if r.member("accounts") {
		s.Accounts = list(r, (*reader).account)
	}
	if r.member("last") {
		s.Last = r.str()
	}
	if r.member("passed") {
		s.Passed = list(r, func(r *reader, id *string) { *id = r.str() })
	}
	if r.member("leases") {
		s.Leases = list(r, (*reader).lease)
	}
	if r.member("conversations") {
		s.Conversations.text = r.raw()
	}
	if r.member("pruned") {
		s.Pruned = r.number()
	}
	if r.member("pending") {
		s.Pending = list(r, (*reader).pending)
	}
	if r.member("settings") {
		r.object(func() { r.settings(&s.Settings) })
	}
	if r.member("refusals") {
		s.Refusals = list(r, (*reader).refusal)
	}
}

func (r *reader) account(a *Account) {
	r.object(func() {
		r.strMember("id", &a.ID)
		r.strMember("label", &a.Label)
		if r.member("disabled") {
			a.Disabled = r.boolean()
		}
		r.timeMember("added", &a.Added)
		r.timeMember("last_used", &a.LastUsed)
		r.numberMember("key_rev", &a.KeyRev)
		if r.member("rejected") {
			a.Rejected = new(Rejection)
			r.object(func() {
				r.timeMember("at", &a.Rejected.At)
				r.strMember("reason", &a.Rejected.Reason)
			})
		}
		if r.member("cooldowns") {
			a.Cooldowns = list(r, (*reader).cooldown)
		}
		r.strMember("workspace", &a.Workspace)
		r.strMember("user", &a.User)
		if r.member("usage") {
			a.Usage = new(Usage)
			r.object(func() { r.usage(a.Usage) })
		}
	})
}

func (r *reader) usage(u *Usage) {
	r.timeMember("at", &u.At)
	if !r.member("windows") {
		return
	}
	u.Windows = make(map[string]Window, 3)
	r.object(func() {
		for r.more('}') {
			name := r.str()
			r.skip(':')
			var w Window
			r.object(func() {
				r.strMember("status", &w.Status)
				r.numberMember("percent", &w.Percent)
				r.timeMember("resets_at", &w.ResetsAt)
			})
			u.Windows[name] = w
		}
	})
}

func (r *reader) cooldown(c *Cooldown) {
	r.object(func() {
		r.timeMember("since", &c.Since)
		r.timeMember("until", &c.Until)
		r.strMember("reason", &c.Reason)
		r.strMember("window", &c.Window)
		r.strMember("model", &c.Model)
	})
}

func (r *reader) lease(l *Lease) {
	r.object(func() {
		r.numberMember("pid", &l.PID)
		r.strMember("start", &l.Start)
		r.strMember("command", &l.Command)
		r.strMember("account", &l.Account)
		r.timeMember("since", &l.Since)
		r.timeMember("used", &l.Used)
		r.timeMember("ahead", &l.Ahead)
	})
}

func (r *reader) pending(p *Pending) {
	r.object(func() {
		r.strMember("id", &p.ID)
		r.strMember("op", &p.Op)
		r.timeMember("since", &p.Since)
	})
}

func (r *reader) settings(s *Settings) {
	r.strMember("strategy", &s.Strategy)
	r.numberMember("ahead", &s.Ahead)
	r.strMember("store", &s.Store)
	r.strMember("identity", &s.Identity)
	if r.member("move") {
		r.object(func() {
			r.strMember("from", &s.Move.From)
			r.strMember("to", &s.Move.To)
		})
	}
}

func (r *reader) refusal(f *Refusal) {
	r.object(func() {
		r.numberMember("status", &f.Status)
		r.strMember("type", &f.Type)
		r.strMember("code", &f.Code)
		r.strMember("words", &f.Words)
		r.strMember("account", &f.Account)
		r.numberMember("count", &f.Count)
		r.timeMember("first", &f.First)
		r.timeMember("last", &f.Last)
	})
}
