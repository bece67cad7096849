package rotation

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// Holder is who can have a lease: a Process, or a Conversation.
type Holder interface {
	// leases are those of its kind.
	leases(s *state.State) *[]state.Lease
	// owns reports whether l is its lease.
	owns(l state.Lease) bool
	// lease is a new one, of no account yet.
	lease() state.Lease
	// mark writes into its lease l that it got an account, or used it, now.
	mark(l *state.Lease, now time.Time)
	// prune makes room for one more lease of its kind.
	prune(p *base, s *state.State)
	// names are what an event calls it; the pid is 0 for one that is no process.
	names() (pid int, command string)
}

// leaseOf returns h's lease as the state has it, or nil. The pointer is into s.
func leaseOf(s *state.State, h Holder) *state.Lease {
	all := *h.leases(s)
	if i := slices.IndexFunc(all, h.owns); i >= 0 {
		return &all[i]
	}
	return nil
}

// Process is one that holds, or asks for, an account. PID and Start together name it; a reused pid
// has another Start. Its lease ends with it.
type Process struct {
	PID     int
	Start   string
	Command string // for people: "opencode"
}

func (proc Process) leases(s *state.State) *[]state.Lease { return &s.Leases }
func (proc Process) owns(l state.Lease) bool              { return l.PID == proc.PID && l.Start == proc.Start }
func (proc Process) mark(l *state.Lease, now time.Time)   { l.Since = now }
func (proc Process) names() (pid int, command string)     { return proc.PID, text.OneLine(proc.Command) }

func (proc Process) lease() state.Lease {
	return state.Lease{PID: proc.PID, Start: proc.Start, Command: text.OneLine(proc.Command)}
}

// fewLeases is how many leases are kept without a look at their processes.
const fewLeases = 16

// prune clears the leases of ended processes away when there are twice as many as there were after
// the last time, so that a crowd of new processes does not look at all the others for each one.
func (proc Process) prune(p *base, s *state.State) {
	if len(s.Leases) < max(fewLeases, 2*s.Pruned) {
		return
	}
	s.Leases = slices.DeleteFunc(s.Leases, func(l state.Lease) bool { return !p.alive(l.PID, l.Start) })
	s.Pruned = len(s.Leases)
}

// Conversation is one of those that a server serves at the same time: a session of OpenCode with
// its titles, compactions and subagents. Its lease outlives the server, so that the next one goes
// on with the same account. The zero value is no conversation.
type Conversation struct{ hash string }

// ConversationOf is the conversation with this id. The state has only a hash of it.
func ConversationOf(id string) Conversation {
	sum := sha256.Sum256([]byte("ocgo-key conversation\n" + id))
	return Conversation{base64.RawURLEncoding.EncodeToString(sum[:16])}
}

const (
	// maxConversations is how many leases of conversations the state keeps: of those used last.
	maxConversations = 512
	// conversationLife is how long a conversation keeps its account after its last request.
	conversationLife = 24 * time.Hour
	// usedEvery is how often at most the use of a lease is written down, so that a request writes
	// nothing.
	usedEvery = time.Hour
)

func (c Conversation) leases(s *state.State) *[]state.Lease { return s.Conversations.All() }
func (c Conversation) owns(l state.Lease) bool              { return l.Conversation == c.hash }
func (c Conversation) lease() state.Lease                   { return state.Lease{Conversation: c.hash} }
func (c Conversation) names() (pid int, command string)     { return 0, "conversation" }

// mark keeps whole seconds: there are many of them in the file.
func (c Conversation) mark(l *state.Lease, now time.Time) { l.Used = now.UTC().Truncate(time.Second) }

func (c Conversation) prune(p *base, s *state.State) {
	all := c.leases(s)
	*all = slices.DeleteFunc(*all, p.over)
	if extra := len(*all) + 1 - maxConversations; extra > 0 {
		slices.SortStableFunc(*all, func(a, b state.Lease) int { return a.Used.Compare(b.Used) })
		*all = slices.Delete(*all, 0, extra)
	}
}

// over reports whether the lease of a conversation has ended. Its last request may have been up to
// usedEvery after the use that is written down. Far in the future is a clock that was set back.
func (p *base) over(l state.Lease) bool {
	return !l.Used.IsZero() && p.now().Sub(l.Used).Abs() >= conversationLife+usedEvery
}

// due reports whether a use of a lease now is to be written down, where the last one written down
// was used: the zero time for a lease whose use is not.
func (p *base) due(used time.Time) bool {
	return !used.IsZero() && p.now().Sub(used).Abs() >= usedEvery
}

// Good reports whether a hand-out that its holder keeps in memory serves one more request, as long
// as the Stamp stays what it was.
func (p *base) Good(h Handout) bool { return !h.ByModel && !p.due(h.Used) }
