package rotation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// Refusal is an error answer of the service that no rule covers. Its texts come from the service.
// They contain no keys, and each is one line.
type Refusal struct {
	Status int
	Type   string // error.type; may be empty
	Code   string // error.code; may be empty
	Words  string // the first words of the message
}

func (r Refusal) String() string { return describe(r.Status, r.Type, r.Code, r.Words) }

func describe(status int, kind, code, words string) string {
	text := fmt.Sprint(status)
	for _, name := range []string{kind, code} {
		if name != "" {
			text += " " + name
		}
	}
	if words != "" {
		text += ": " + words
	}
	return text
}

const (
	// maxRefusals is how many kinds of refusals the state keeps at most.
	maxRefusals = 16
	// maxWords is how many words of a message are kept at most.
	maxWords = 12
	// refusalEventInterval is the minimum time between two events for one kind of refusal.
	refusalEventInterval = time.Hour
)

// commonWords are words that refusals often contain. Redact keeps them, since they reveal nothing
// about the prompt.
var commonWords = sync.OnceValue(func() map[string]bool {
	common := map[string]bool{}
	for word := range strings.FieldsSeq(`a an and any api are as at be been blocked business by can cannot code console contact could
		disabled does enable error exceeded expired failed for from go has have if in inactive invalid is it key later limit limited
		longer member message missing model models monthly must need new no not of on only opencode or organization owner paid pause
		paused payment permission plan please provider quota reached reason refused request requests required requires retry
		security service session set subscribe subscription support suspended team temporarily terms that the this to token too try
		unauthorized unavailable under unknown unpaid upgrade upstream usage use used user verification verify was weekly
		will with workspace you your account administrator after again allowed available balance because before billing country region`) {
		common[word] = true
	}
	return common
})

// kindName matches the name of an error kind: "Account.Paused", "rate_limit_error".
var kindName = pattern(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// Redact returns r without text of the request, since the service may quote the prompt in its
// refusal. It replaces words of the request by "…", except commonWords. It drops a type or code
// that does not look like the name of an error kind.
func (r Refusal) Redact(request []byte) Refusal {
	for _, name := range []*string{&r.Type, &r.Code} {
		if !kindName().MatchString(*name) {
			*name = ""
		}
	}
	inRequest := wordsOf(request)
	var kept []string
	for word := range strings.FieldsSeq(r.Words) {
		if len(kept) == maxWords {
			break
		}
		if !safe(word, inRequest) {
			word = "…"
		}
		if word != "…" || len(kept) == 0 || kept[len(kept)-1] != "…" {
			kept = append(kept, word)
		}
	}
	if r.Words = strings.Join(kept, " "); r.Words == "…" {
		r.Words = ""
	}
	return r
}

// safe reports whether a word of a refusal reveals nothing about a request with the words
// inRequest. A word with letters outside of ASCII is never safe, since some languages are written
// without spaces between words.
func safe(word string, inRequest map[string]bool) bool {
	for part := range strings.FieldsFuncSeq(strings.ToLower(word), notInWord) {
		if strings.IndexFunc(part, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 || inRequest[part] && !commonWords()[part] {
			return false
		}
	}
	return true
}

func notInWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// wordsOf returns the words of a request in lower case. They are taken from the names and values of
// the JSON, or from the whole text if it is not JSON.
func wordsOf(request []byte) map[string]bool {
	words := map[string]bool{}
	add := func(text string) {
		for word := range strings.FieldsFuncSeq(strings.ToLower(text), notInWord) {
			words[word] = true
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			add(v)
		case float64:
			add(strconv.FormatFloat(v, 'f', -1, 64))
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for name, e := range v {
				add(name)
				walk(e)
			}
		}
	}
	var v any
	if json.Unmarshal(request, &v) != nil {
		add(string(request))
	}
	walk(v)
	return words
}

// Refused counts a refusal of a request that had the account's key. It does not change the account.
func (p *Records) Refused(ctx context.Context, account Handout, r Refusal) error {
	return p.update(ctx, func(s *state.State) error {
		now, event := p.now(), true
		kept := state.Refusal{Status: r.Status, Type: r.Type, Code: r.Code, First: now}
		i := slices.IndexFunc(s.Refusals, func(o state.Refusal) bool { return o.Status == r.Status && o.Type == r.Type && o.Code == r.Code })
		if i >= 0 {
			kept = s.Refusals[i]
			event = now.Sub(kept.Last).Abs() >= refusalEventInterval
			s.Refusals = slices.Delete(s.Refusals, i, i+1)
		}
		kept.Words, kept.Account, kept.Last, kept.Count = r.Words, account.Label, now, kept.Count+1
		if len(s.Refusals) >= maxRefusals {
			s.Refusals = s.Refusals[1:]
		}
		s.Refusals = append(s.Refusals, kept)
		if event {
			s.Note(state.Event{Time: now, Kind: "refused", Account: account.Label, Reason: r.String()})
		}
		return nil
	})
}

// Refusals returns the stored refusals, the latest first.
func (p *Records) Refusals(ctx context.Context) ([]state.Refusal, error) {
	s, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	latest := slices.Clone(s.Refusals)
	slices.Reverse(latest)
	return latest, nil
}

// Describe returns a stored refusal in words: "403 Account.Paused: this account is paused".
func Describe(r state.Refusal) string {
	return text.OneLineOr(describe(r.Status, r.Type, r.Code, r.Words), "")
}
