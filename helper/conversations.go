package helper

import (
	"cmp"
	"container/list"
	"context"
	"sync"

	"ocgo-key/rotation"
)

// maxLive is how many sessions a server keeps in memory. The least recently used are dropped. If a
// dropped session is used again, it gets its lease from the pool's state, if the state still has
// it.
const maxLive = 4096

// Conversations are the holders of the conversations that one process serves. Each holder has its
// own account, and all share the keys in memory. It is safe for concurrent use.
type Conversations struct {
	// Choice returns the user's choice for a conversation in this folder; nil if the folder has no
	// effect. It is called once for each holder.
	Choice func(folder string) rotation.Choice

	own *Holder

	mu       sync.Mutex
	sessions map[rotation.Conversation]*list.Element // values are *session; keys are hashes of session ids
	latest   *list.List                              // most recently used first
}

// session is a session of OpenCode. A subagent's session has the holder of its parent.
type session struct {
	id     rotation.Conversation
	holder *Holder
}

// NewConversations returns the conversations of one process; own is the holder of the process
// itself.
func NewConversations(own *Holder) *Conversations {
	return &Conversations{own: own, sessions: make(map[rotation.Conversation]*list.Element), latest: list.New()}
}

// Of returns the holder for a request of the session with this id. parent is set for a subagent's
// session, which belongs to its parent's conversation. folder is the folder of the user's project;
// empty if it is unknown. A request without a session gets the holder of the process.
func (c *Conversations) Of(id, parent, folder string) *Holder {
	if id == "" {
		id, parent = parent, ""
	}
	if id == "" {
		return c.own
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if parent == "" || parent == id {
		return c.of(id, folder, nil)
	}
	return c.of(id, folder, c.of(parent, folder, nil))
}

// of returns the holder of one session, and makes the session the most recently used. If holder is
// not nil, it becomes the session's holder. Otherwise the session keeps its holder, or gets a new
// one. The caller holds the lock.
func (c *Conversations) of(name, folder string, holder *Holder) *Holder {
	id := rotation.ConversationOf(name)
	if e, ok := c.sessions[id]; ok {
		c.latest.MoveToFront(e)
		s := e.Value.(*session)
		s.holder = cmp.Or(holder, s.holder)
		return s.holder
	}
	if holder == nil {
		holder = c.own.beside(id)
		if folder != "" && c.Choice != nil {
			holder.Choice = c.Choice(folder)
		}
	}
	c.sessions[id] = c.latest.PushFront(&session{id, holder})
	if c.latest.Len() > maxLive {
		delete(c.sessions, c.latest.Remove(c.latest.Back()).(*session).id)
	}
	return holder
}

// PrepareAhead is like Holder.PrepareAhead, for all conversations.
func (c *Conversations) PrepareAhead(ctx context.Context) {
	c.mu.Lock()
	seen := make(map[*Holder]bool, c.latest.Len())
	var holders []*Holder
	for e := c.latest.Front(); e != nil; e = e.Next() {
		if h := e.Value.(*session).holder; !seen[h] {
			seen[h], holders = true, append(holders, h)
		}
	}
	c.mu.Unlock()
	prepareAhead(ctx, holders...)
}
