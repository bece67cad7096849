package state

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// encodeOurs returns the same text as json.MarshalIndent with an indent of one space, in a fraction
// of the time. TestEncodeAndDecodeKnowEveryField compares the two. Why it exists:
// docs/decisions/0023-codec-of-the-state.md.
func encodeOurs(s *State) ([]byte, error) {
	w := &writer{text: make([]byte, 0, 1024+1024*len(s.Accounts))}
	w.object(func() {
		w.number("version", s.Version)
		w.name("accounts")
		array(w, s.Accounts, (*writer).account)
		w.strUnlessEmpty("last", s.Last)
		arrayUnlessEmpty(w, "passed", s.Passed, func(w *writer, id string) { w.str(id) })
		arrayUnlessEmpty(w, "leases", s.Leases, (*writer).lease)
		if !s.Conversations.IsZero() {
			w.name("conversations")
			w.conversations(s.Conversations)
		}
		w.numberUnlessZero("pruned", s.Pruned)
		arrayUnlessEmpty(w, "pending", s.Pending, (*writer).pending)
		if s.Settings != (Settings{}) {
			w.name("settings")
			w.settings(s.Settings)
		}
		arrayUnlessEmpty(w, "refusals", s.Refusals, (*writer).refusal)
	})
	return w.text, w.err
}

func (w *writer) account(a Account) {
	w.object(func() {
		w.strMember("id", a.ID)
		w.strMember("label", a.Label)
		if a.Disabled {
			w.name("disabled")
			w.text = append(w.text, "true"...)
		}
		w.timeUnlessZero("added", a.Added)
		w.timeUnlessZero("last_used", a.LastUsed)
		w.numberUnlessZero("key_rev", a.KeyRev)
		if a.Rejected != nil {
			w.name("rejected")
			w.object(func() {
				w.time("at", a.Rejected.At)
				w.strMember("reason", a.Rejected.Reason)
			})
		}
		arrayUnlessEmpty(w, "cooldowns", a.Cooldowns, (*writer).cooldown)
		w.strUnlessEmpty("workspace", a.Workspace)
		w.strUnlessEmpty("user", a.User)
		if a.Usage != nil {
			w.name("usage")
			w.object(func() { w.usage(a.Usage) })
		}
	})
}

func (w *writer) usage(u *Usage) {
	w.time("at", u.At)
	w.name("windows")
	if u.Windows == nil {
		w.text = append(w.text, "null"...)
		return
	}
	w.object(func() {
		for _, name := range slices.Sorted(maps.Keys(u.Windows)) {
			window := u.Windows[name]
			w.element()
			w.str(name)
			w.text = append(w.text, ": "...)
			w.object(func() {
				w.strMember("status", window.Status)
				w.number("percent", window.Percent)
				w.timeUnlessZero("resets_at", window.ResetsAt)
			})
		}
	})
}

func (w *writer) cooldown(c Cooldown) {
	w.object(func() {
		w.time("since", c.Since)
		w.time("until", c.Until)
		w.strMember("reason", c.Reason)
		w.strUnlessEmpty("window", c.Window)
		w.strUnlessEmpty("model", c.Model)
	})
}

func (w *writer) lease(l Lease) {
	w.object(func() {
		w.numberUnlessZero("pid", l.PID)
		w.strUnlessEmpty("start", l.Start)
		w.strUnlessEmpty("command", l.Command)
		w.strMember("account", l.Account)
		w.timeUnlessZero("since", l.Since)
		w.timeUnlessZero("used", l.Used)
		w.timeUnlessZero("ahead", l.Ahead)
	})
}

func (w *writer) pending(p Pending) {
	w.object(func() {
		w.strMember("id", p.ID)
		w.strMember("op", p.Op)
		w.time("since", p.Since)
	})
}

func (w *writer) settings(s Settings) {
	w.object(func() {
		w.strUnlessEmpty("strategy", s.Strategy)
		w.numberUnlessZero("ahead", s.Ahead)
		w.strUnlessEmpty("store", s.Store)
		w.strUnlessEmpty("identity", s.Identity)
		if s.Move != (Move{}) {
			w.name("move")
			w.object(func() {
				w.strMember("from", s.Move.From)
				w.strMember("to", s.Move.To)
			})
		}
	})
}

func (w *writer) refusal(f Refusal) {
	w.object(func() {
		w.number("status", f.Status)
		w.strUnlessEmpty("type", f.Type)
		w.strUnlessEmpty("code", f.Code)
		w.strUnlessEmpty("words", f.Words)
		w.strMember("account", f.Account)
		w.number("count", f.Count)
		w.time("first", f.First)
		w.time("last", f.Last)
	})
}

func (w *writer) conversations(c Conversations) {
	text, err := json.Marshal(c)
	if err != nil {
		w.err = err
		return
	}
	var indented bytes.Buffer
	w.err = json.Indent(&indented, text, indents[:w.depth], " ")
	w.text = append(w.text, indented.Bytes()...)
}

// indents is as deep as a state goes, and deeper.
const indents = "                "

// writer makes a JSON text, one space deeper for each object and array.
type writer struct {
	text  []byte
	depth int
	empty bool // nothing is in the object or array that was begun last
	err   error
}

// object writes an object, whose members are written by members.
func (w *writer) object(members func()) { w.enclosed('{', '}', members) }

func (w *writer) enclosed(first, last byte, content func()) {
	w.text = append(w.text, first)
	w.depth++
	w.empty = true
	content()
	w.depth--
	if !w.empty {
		w.line()
	}
	w.empty = false
	w.text = append(w.text, last)
}

func array[T any](w *writer, all []T, one func(*writer, T)) {
	w.enclosed('[', ']', func() {
		for i := range all {
			w.element()
			one(w, all[i])
		}
	})
}

func arrayUnlessEmpty[T any](w *writer, name string, all []T, one func(*writer, T)) {
	if len(all) > 0 {
		w.name(name)
		array(w, all, one)
	}
}

func (w *writer) line() {
	w.text = append(append(w.text, '\n'), indents[:w.depth]...)
}

// element begins a member or an element.
func (w *writer) element() {
	if !w.empty {
		w.text = append(w.text, ',')
	}
	w.empty = false
	w.line()
}

// name begins the member with this name.
func (w *writer) name(name string) {
	w.element()
	w.text = append(append(append(w.text, '"'), name...), `": `...)
}

func (w *writer) strMember(name, value string) {
	w.name(name)
	w.str(value)
}

func (w *writer) strUnlessEmpty(name, value string) {
	if value != "" {
		w.strMember(name, value)
	}
}

func (w *writer) number(name string, value int) {
	w.name(name)
	w.text = strconv.AppendInt(w.text, int64(value), 10)
}

func (w *writer) numberUnlessZero(name string, value int) {
	if value != 0 {
		w.number(name, value)
	}
}

func (w *writer) time(name string, value time.Time) {
	w.name(name)
	w.text = append(w.text, '"')
	var err error
	if w.text, err = value.AppendText(w.text); err != nil {
		w.err = err
	}
	w.text = append(w.text, '"')
}

func (w *writer) timeUnlessZero(name string, value time.Time) {
	if !value.IsZero() {
		w.time(name, value)
	}
}

// str writes a string; encoding/json does where something in it is to be escaped.
func (w *writer) str(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7f {
			quoted, err := json.Marshal(s)
			if err != nil {
				w.err = err
			}
			w.text = append(w.text, quoted...)
			return
		}
	}
	w.text = append(append(append(w.text, '"'), s...), '"')
}
