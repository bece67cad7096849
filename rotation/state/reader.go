package state

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

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
