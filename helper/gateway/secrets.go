package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// secrets are the keys that this gateway has sent, and its token. No answer may contain one of
// them: not in plain text, not with one level of JSON or URL escapes, and not in base64. The zero
// value is empty.
type secrets struct {
	adding sync.Mutex
	now    atomic.Pointer[searcher] // nil if there are none
}

// minSecret is the least length, in bytes, of a secret that is searched for. Shorter texts would be
// found by chance, and no service issues such keys.
const minSecret = 8

// add adds a secret. To add it again, as most requests do, is cheap.
func (s *secrets) add(secret string) {
	if len(secret) < minSecret || slices.Contains(s.all(), secret) {
		return
	}
	s.adding.Lock()
	defer s.adding.Unlock()
	if all := s.all(); !slices.Contains(all, secret) {
		s.now.Store(newSearcher(append(slices.Clone(all), secret)))
	}
}

func (s *secrets) all() []string {
	if find := s.now.Load(); find != nil {
		return find.secrets
	}
	return nil
}

// hide replaces the secrets in text with stars. The text keeps its length, and JSON remains valid.
// If ended is false, more text follows. A secret may then begin in the last held bytes, which hide
// does not change.
func (s *secrets) hide(text []byte, ended bool) (held int) {
	find := s.now.Load()
	if find == nil {
		return 0
	}
	held = find.cover(text, spelling{plain: text}, ended)
	cut := 0
	if !ended {
		cut = find.cutEscape(text)
	}
	if decoded := find.decode(text[:len(text)-cut]); decoded.at != nil || cut > 0 {
		held = max(held, find.cover(text, decoded, ended))
	}
	return max(held, cut)
}

// hidden returns text without the secrets.
func (s *secrets) hidden(text string) string {
	if find := s.now.Load(); find == nil || len(text) < find.window {
		return text
	}
	out := []byte(text)
	if s.hide(out, true); string(out) == text {
		return text // this makes no second copy
	}
	return string(out)
}

// cleanHeader removes the secrets from an answer's header or trailer. It also removes cookies and
// CORS headers, which only browsers use: no web page may read an answer.
func (s *secrets) cleanHeader(h http.Header) {
	find := s.now.Load()
	for name, values := range h {
		if name == "Set-Cookie" || strings.HasPrefix(name, "Access-Control-") || find != nil && find.isIn(name) {
			delete(h, name)
			continue
		}
		for i, value := range values {
			values[i] = s.hidden(value)
		}
	}
}

// cleanError returns err, or an error without the secrets that err quotes.
func (s *secrets) cleanError(err error) error {
	if text := err.Error(); s.hidden(text) != text {
		return errors.New(s.hidden(text))
	}
	return err
}

// searcher finds all its patterns in one pass over a text. It uses the Wu-Manber algorithm, which
// skips most of the text: the longer the shortest pattern, the more.
type searcher struct {
	secrets  []string
	lower    []string            // the secrets in lower case
	sorted   []string            // the patterns
	patterns map[string][]string // the patterns by their first window bytes, the longest first
	window   int                 // the length of the shortest pattern, at most 255
	longest  int                 // the length of the longest pattern
	first    [256]bool           // the bytes that patterns begin with
	alphabet [256]bool           // the bytes of all patterns

	// shift is indexed by the last two bytes in the window. The window can move to the right by
	// this many bytes without missing a pattern. 0 means that a pattern may begin here.
	shift [1 << 16]uint8
}

func newSearcher(secrets []string) *searcher {
	s := &searcher{secrets: secrets, patterns: make(map[string][]string), window: 255}
	for _, secret := range secrets {
		s.lower = append(s.lower, strings.ToLower(secret))
		s.sorted = append(s.sorted, forms(secret)...)
	}
	slices.Sort(s.sorted)
	s.sorted = slices.Compact(s.sorted) // the two alphabets of base64 often give the same form
	for _, p := range s.sorted {
		s.longest, s.window = max(s.longest, len(p)), min(s.window, len(p))
	}
	for i := range s.shift {
		s.shift[i] = uint8(s.window - 1)
	}
	for _, p := range slices.Backward(s.sorted) { // so that "abc" is tried before its prefix "ab"
		s.patterns[p[:s.window]] = append(s.patterns[p[:s.window]], p)
		s.first[p[0]] = true
		for _, c := range []byte(p) {
			s.alphabet[c] = true
		}
		for i := 1; i < s.window; i++ {
			pair := &s.shift[int(p[i-1])<<8|int(p[i])]
			*pair = min(*pair, uint8(s.window-1-i))
		}
	}
	return s
}

// forms returns the secret and its base64 forms. The base64 of a secret depends on the offset of
// the secret in the text. Characters that also depend on the bytes around the secret are left out.
func forms(secret string) []string {
	out := []string{secret}
	for before := range 3 {
		text := strings.Repeat("x", before) + secret
		first := (before*8 + 5) / 6 // the first character without a bit of the bytes before
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			out = append(out, encoding.EncodeToString([]byte(text))[first:len(text)*8/6])
		}
	}
	return out
}

// next finds the first pattern in text that begins at the offset from or later, and returns its
// offsets. start is -1 if there is none.
func (s *searcher) next(text []byte, from int) (start, end int) {
	for i := from + s.window - 1; i < len(text); {
		if shift := s.shift[int(text[i-1])<<8|int(text[i])]; shift > 0 {
			i += int(shift)
			continue
		}
		start := i + 1 - s.window
		for _, p := range s.patterns[string(text[start:i+1])] {
			if len(p) <= len(text)-start && string(text[start:start+len(p)]) == p {
				return start, start + len(p)
			}
		}
		i++
	}
	return -1, -1
}

// begun returns the length of the longest suffix of text[from:] that is the beginning of a pattern.
func (s *searcher) begun(text []byte, from int) int {
	if len(text) == 0 || !s.alphabet[text[len(text)-1]] {
		return 0
	}
	for end := string(text[max(from, len(text)-s.longest+1):]); end != ""; end = end[1:] {
		if !s.first[end[0]] {
			continue
		}
		if k, _ := slices.BinarySearch(s.sorted, end); k < len(s.sorted) && strings.HasPrefix(s.sorted[k], end) {
			return len(end)
		}
	}
	return 0
}

// isIn reports whether the name of a header contains a secret, in upper or lower case.
func (s *searcher) isIn(name string) bool {
	if len(name) < s.window {
		return false
	}
	name = strings.ToLower(name)
	return slices.ContainsFunc(s.lower, func(secret string) bool { return strings.Contains(name, secret) })
}

// spelling is a text without its escapes: plain[i] is encoded in text[at[i]:at[i+1]]. If at is nil,
// the text has no escapes.
type spelling struct {
	plain []byte
	at    []int32
}

func (s spelling) offset(i int) int {
	if s.at == nil {
		return i
	}
	return int(s.at[i])
}

// decode replaces the JSON escapes (\u0073) and URL escapes (%73) that stand for a byte of a
// pattern.
func (s *searcher) decode(text []byte) spelling {
	if !s.escapes(text, `\u00`) && !s.escapes(text, "%") {
		return spelling{plain: text}
	}
	d := spelling{make([]byte, 0, len(text)), make([]int32, 0, len(text)+1)}
	for i := 0; i < len(text); {
		c, size := s.unit(text[i:])
		d.plain, d.at = append(d.plain, c), append(d.at, int32(i))
		i += size
	}
	d.at = append(d.at, int32(len(text)))
	return d
}

// cover replaces the patterns in text with stars; spelled is text without escapes. It returns the
// length of the suffix of text in which a pattern may begin.
func (s *searcher) cover(text []byte, spelled spelling, ended bool) (held int) {
	from := 0
	for {
		start, end := s.next(spelled.plain, from)
		if start < 0 {
			break
		}
		for i := start; i < end; i++ {
			putStar(text[spelled.offset(i):spelled.offset(i+1)])
		}
		from = end
	}
	if ended {
		return 0
	}
	return len(text) - spelled.offset(len(spelled.plain)-s.begun(spelled.plain, from))
}

// escapes reports whether text contains an escape with this beginning that stands for a byte of a
// pattern.
func (s *searcher) escapes(text []byte, beginning string) bool {
	for {
		i := bytes.Index(text, []byte(beginning))
		if i < 0 {
			return false
		}
		text = text[i:]
		if _, size := s.unit(text); size > 1 {
			return true
		}
		text = text[1:]
	}
}

// unit returns the first byte of text, decoded, and the length of its encoding.
func (s *searcher) unit(text []byte) (c byte, size int) {
	before := 0
	switch {
	case len(text) >= 6 && string(text[:4]) == `\u00`:
		before = 4
	case len(text) >= 3 && text[0] == '%':
		before = 1
	default:
		return text[0], 1
	}
	var decoded [1]byte
	if _, err := hex.Decode(decoded[:], text[before:before+2]); err != nil || !s.alphabet[decoded[0]] {
		return text[0], 1
	}
	return decoded[0], before + 2
}

// cutEscape returns the length of an incomplete escape at the end of text.
func (s *searcher) cutEscape(text []byte) int {
	for n := 1; n <= min(5, len(text)); n++ {
		end := text[len(text)-n:]
		if end[0] == '%' && n < 3 || end[0] == '\\' && string(end[:min(n, 4)]) == `\u00`[:min(n, 4)] {
			return n
		}
	}
	return 0
}

// putStar replaces one byte of a secret with a star, in the same encoding.
func putStar(written []byte) {
	switch len(written) {
	case 1:
		written[0] = '*'
	case 3:
		copy(written, "%2A")
	default:
		copy(written, `\u002a`)
	}
}
