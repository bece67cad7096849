package state

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
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

// reader scans a JSON text from the start. After a failure it reads nothing more.
type reader struct {
	text   string
	buffer []byte
	at     int
	fresh  bool // nothing of the object or array that was entered last has been read yet
	failed bool
}

func (r *reader) space() {
	for r.at < len(r.text) && (r.text[r.at] == ' ' || r.text[r.at] == '\n' || r.text[r.at] == '\t' || r.text[r.at] == '\r') {
		r.at++
	}
}

// next reports whether c comes next.
func (r *reader) next(c byte) bool {
	r.space()
	return !r.failed && r.at < len(r.text) && r.text[r.at] == c
}

// skip goes over c, which has to come next.
func (r *reader) skip(c byte) {
	if !r.next(c) {
		r.failed = true
		return
	}
	r.at++
}

// object reads an object, whose members are read by members.
func (r *reader) object(members func()) {
	r.skip('{')
	r.fresh = true
	members()
	r.skip('}')
	r.fresh = false
}

// list reads an array. It is not nil.
func list[T any](r *reader, element func(*reader, *T)) []T {
	all := []T{}
	r.skip('[')
	r.fresh = true
	for r.more(']') {
		var one T
		element(r, &one)
		r.fresh = false
		all = append(all, one)
	}
	r.skip(']')
	r.fresh = false
	return all
}

// more goes to the next element; it reports whether there is one before the end.
func (r *reader) more(end byte) bool {
	if r.failed || r.next(end) {
		return false
	}
	if !r.fresh {
		r.skip(',')
	}
	r.fresh = false
	return !r.failed
}

// member reports whether the member with this name comes next, and goes to its value.
func (r *reader) member(name string) bool {
	if r.failed {
		return false
	}
	before := r.at
	if !r.fresh {
		if !r.next(',') {
			return false
		}
		r.at++
	}
	r.space()
	rest := r.text[r.at:]
	if len(rest) < len(name)+2 || rest[0] != '"' || rest[1:1+len(name)] != name || rest[1+len(name)] != '"' {
		r.at = before
		return false
	}
	r.at += len(name) + 2
	r.skip(':')
	r.fresh = false
	return true
}

func (r *reader) strMember(name string, to *string) {
	if r.member(name) {
		*to = r.str()
	}
}

func (r *reader) timeMember(name string, to *time.Time) {
	if r.member(name) {
		start, end := r.quoted()
		r.buffer = append(r.buffer[:0], r.text[start:end]...)
		if !r.failed && to.UnmarshalJSON(r.buffer) != nil {
			r.failed = true
		}
	}
}

func (r *reader) numberMember(name string, to *int) {
	if r.member(name) {
		*to = r.number()
	}
}

// quoted goes over a string, and returns where it begins and ends, with its quotes.
func (r *reader) quoted() (start, end int) {
	r.skip('"')
	if r.failed {
		return 0, 0
	}
	start = r.at - 1
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return start, r.at
		case c == '\\':
			r.at++
		case c < ' ':
			r.failed = true
			return 0, 0
		}
	}
	r.at, r.failed = len(r.text), true
	return 0, 0
}

func (r *reader) str() string {
	start, end := r.quoted()
	if r.failed {
		return ""
	}
	s := r.text[start+1 : end-1]
	if strings.IndexByte(s, '\\') < 0 && utf8.ValidString(s) {
		return s
	}
	var unquoted string
	r.failed = json.Unmarshal([]byte(r.text[start:end]), &unquoted) != nil
	return unquoted
}

// maxDigits is how many digits surely fit into an int, on every system.
const maxDigits = 9

// number reads a whole number.
func (r *reader) number() int {
	sign, n, digits := 1, 0, 0
	if r.next('-') {
		sign = -1
		r.at++
	}
	start := r.at
	for ; r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' && digits <= maxDigits; r.at++ {
		n, digits = 10*n+int(r.text[r.at]-'0'), digits+1
	}
	if digits == 0 || digits > maxDigits || digits > 1 && r.text[start] == '0' {
		r.failed = true
	}
	return sign * n // a fraction or an exponent is not what comes next in any list or object
}

func (r *reader) boolean() bool {
	r.space()
	for word, is := range map[string]bool{"true": true, "false": false} {
		if strings.HasPrefix(r.text[r.at:], word) {
			r.at += len(word)
			return is
		}
	}
	r.failed = true
	return false
}

// raw goes over an object, and returns its text.
func (r *reader) raw() []byte {
	if !r.next('{') {
		r.failed = true
		return nil
	}
	start, depth := r.at, 0
	for !r.failed && r.at < len(r.text) {
		switch r.text[r.at] {
		case '"':
			r.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		r.at++
		if depth == 0 {
			break
		}
	}
	text := []byte(r.text[start:r.at])
	r.failed = r.failed || !json.Valid(text)
	return text
}
