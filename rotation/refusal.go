package rotation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ocgo-key/rotation/state"
)

// Refusal is an answer by which the service refuses a request and that no rule knows. The texts are the service's, made
// fit for one line, without keys.
type Refusal struct {
	Status int
	Type   string // error.type; may be empty
	Code   string // error.code; may be empty
	Words  string // the beginning of its message
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
	// maxRefusals bounds how many kinds of refusals are kept.
	maxRefusals = 16
	// maxWords and sharedWords bound the words that are kept of a message: so many at most, and none from the first run
	// of so many that the request has as well. An upstream may repeat a prompt in its refusal.
	maxWords    = 12
	sharedWords = 3
	// refusalEvent is the least time between two events for one kind of refusal.
	refusalEvent = time.Hour
)

// Without is r with the words before anything that the request holds as well, or that stands in quotation marks.
func (r Refusal) Without(request []byte) Refusal {
	if i := strings.IndexAny(r.Words, "\"`\u201c\u2018\u00ab{["); i >= 0 {
		r.Words = r.Words[:i]
	}
	words := strings.Fields(r.Words)
	words = words[:min(len(words), maxWords)]
	text := string(request)
	for i := range words {
		run := strings.Join(words[i:min(i+sharedWords, len(words))], " ")
		if len(run) > 3 && strings.Contains(text, run) {
			words = words[:i]
			break
		}
	}
	r.Words = strings.Join(words, " ")
	return r
}

// Refused counts a refusal that was met with the account's key. It changes nothing for the account.
func (p *Pool) Refused(ctx context.Context, met Handout, r Refusal) error {
	return p.update(ctx, func(s *state.State) error {
		now, event := p.now(), true
		kept := state.Refusal{Status: r.Status, Type: r.Type, Code: r.Code, First: now}
		i := slices.IndexFunc(s.Refusals, func(o state.Refusal) bool { return o.Status == r.Status && o.Type == r.Type && o.Code == r.Code })
		if i >= 0 {
			kept = s.Refusals[i]
			event = now.Sub(kept.Last).Abs() >= refusalEvent
			s.Refusals = slices.Delete(s.Refusals, i, i+1)
		}
		kept.Words, kept.Account, kept.Last, kept.Count = r.Words, met.Label, now, kept.Count+1
		if len(s.Refusals) >= maxRefusals {
			s.Refusals = s.Refusals[1:]
		}
		s.Refusals = append(s.Refusals, kept)
		if event {
			s.Note(state.Event{Time: now, Kind: "refused", Account: met.Label, Reason: r.String()})
		}
		return nil
	})
}

// Refusals are the kinds of refusals that no rule knows, as far as they are kept, the latest first.
func (p *Pool) Refusals(ctx context.Context) ([]state.Refusal, error) {
	s, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	latest := slices.Clone(s.Refusals)
	slices.Reverse(latest)
	return latest, nil
}

// Describe says what a kept refusal was: "403 Account.Paused: this account is paused".
func Describe(r state.Refusal) string {
	return oneLine(describe(r.Status, r.Type, r.Code, r.Words), "")
}
