package rotation

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// Holder is an owner of a lease: a Process or a Conversation.
type Holder interface {
	// leases returns all leases of this kind of holder.
	leases(s *state.State) *[]state.Lease
	// owns reports whether l is the holder's lease.
	owns(l state.Lease) bool
	// lease returns a new lease without an account.
	lease() state.Lease
	// mark records in a lease that it was given or used now.
	mark(l *state.Lease, now time.Time)
	// prune removes old leases of this kind before one is added.
	prune(p *base, s *state.State)
	// names returns the holder's name in events. The pid is 0 for a conversation.
	names() (pid int, command string)
}

// leaseOf returns a pointer to h's lease in s, or nil.
func leaseOf(s *state.State, h Holder) *state.Lease {
	all := *h.leases(s)
	if i := slices.IndexFunc(all, h.owns); i >= 0 {
		return &all[i]
	}
	return nil
}

// Process is a process as a holder. Its lease ends with the process.
type Process struct {
	PID     int
	Start   string // start identity: differs between two processes with the same pid
	Command string // for people: "opencode"
}

func (proc Process) leases(s *state.State) *[]state.Lease { return &s.Leases }
func (proc Process) owns(l state.Lease) bool              { return l.PID == proc.PID && l.Start == proc.Start }
func (proc Process) mark(l *state.Lease, now time.Time)   { l.Since = now }
func (proc Process) names() (pid int, command string)     { return proc.PID, text.OneLine(proc.Command) }

func (proc Process) lease() state.Lease {
	return state.Lease{PID: proc.PID, Start: proc.Start, Command: text.OneLine(proc.Command)}
}

// minPrune is the least number of leases at which prune removes any.
const minPrune = 16

// prune removes the leases of ended processes if the number of leases has doubled since the last
// prune. Checking all processes for each new lease would take quadratic time.
func (proc Process) prune(p *base, s *state.State) {
	if len(s.Leases) < max(minPrune, 2*s.Pruned) {
		return
	}
	var ended []int
	s.Leases = slices.DeleteFunc(s.Leases, func(l state.Lease) bool {
		if p.alive(l.PID, l.Start) {
			return false
		}
		if a := s.Find(l.Account); a != nil && p.lastGet(l).After(a.LastUsed) {
			a.LastUsed = p.lastGet(l)
		}
		ended = append(ended, l.PID)
		return true
	})
	p.store.ForgetGets(ended)
	s.Pruned = len(s.Leases)
}

// Conversation is a session of OpenCode with its titles, compactions and subagents. Its lease
// outlives the server of the session, so that the next server uses the same account. The zero value
// is no conversation.
type Conversation struct{ hash string }

// ConversationOf returns the conversation with this id. The state stores only a hash of the id.
func ConversationOf(id string) Conversation {
	sum := sha256.Sum256([]byte("ocgo-key conversation\n" + id))
	return Conversation{base64.RawURLEncoding.EncodeToString(sum[:16])}
}

const (
	// maxConversations is how many leases of conversations the state keeps. The least recently used
	// are dropped.
	maxConversations = 512
	// conversationLife is how long a conversation keeps its lease after its last request.
	conversationLife = 24 * time.Hour
	// useInterval is the minimum time between two records of a lease's use, so that most requests
	// write nothing.
	useInterval = time.Hour
)

func (c Conversation) leases(s *state.State) *[]state.Lease { return s.Conversations.All() }
func (c Conversation) owns(l state.Lease) bool              { return l.Conversation == c.hash }
func (c Conversation) lease() state.Lease                   { return state.Lease{Conversation: c.hash} }
func (c Conversation) names() (pid int, command string)     { return 0, "conversation" }

// mark stores whole seconds, which keeps the file small: it has hundreds of these times.
func (c Conversation) mark(l *state.Lease, now time.Time) { l.Used = now.UTC().Truncate(time.Second) }

func (c Conversation) prune(p *base, s *state.State) {
	all := c.leases(s)
	*all = slices.DeleteFunc(*all, p.expired)
	if extra := len(*all) + 1 - maxConversations; extra > 0 {
		slices.SortStableFunc(*all, func(a, b state.Lease) int { return a.Used.Compare(b.Used) })
		*all = slices.Delete(*all, 0, extra)
	}
}

// expired reports whether the lease of a conversation has ended. The last request may be up to
// useInterval later than the recorded use. If the recorded use is far in the future, because the
// clock was set back, the lease has ended too.
func (p *base) expired(l state.Lease) bool {
	return !l.Used.IsZero() && p.now().Sub(l.Used).Abs() >= conversationLife+useInterval
}

// useDue reports whether the use of a lease must be recorded again. The parameter used is the last
// recorded use; it is zero for the lease of a process, since only conversations have one.
func (p *base) useDue(used time.Time) bool {
	return !used.IsZero() && p.now().Sub(used).Abs() >= useInterval
}

// Reusable reports whether a holder may use the hand-out h for another request without calling
// Take, provided that the Stamp has not changed.
func (p *base) Reusable(h Handout) bool { return !h.ByModel && !p.useDue(h.Used) }
