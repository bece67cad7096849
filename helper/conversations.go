package helper

import (
	"cmp"
	"container/list"
	"context"
	"sync"

	"ocgo-key/rotation"
)

// maxLive is how many sessions a server keeps in memory: of those used last. One that is used again
// after that has its lease in the pool's state, where it is among the latest there.
const maxLive = 4096

// Conversations are the holders of the conversations that one process serves: each has its own
// account, and all share the keys in memory. It is safe for concurrent use.
type Conversations struct {
	own *Holder

	mu       sync.Mutex
	sessions map[rotation.Conversation]*list.Element // of *session, by a hash of its id
	latest   *list.List                              // the one used last in front
}

// session is one that is served. A subagent's has the holder of the conversation that it belongs
// to.
type session struct {
	id     rotation.Conversation
	holder *Holder
}

// NewConversations returns those of the process that own is the holder of.
func NewConversations(own *Holder) *Conversations {
	return &Conversations{own: own, sessions: make(map[rotation.Conversation]*list.Element), latest: list.New()}
}

// Of is the holder for a request of the session with this id. A parent is given for a subagent's,
// which belongs to its parent's conversation. A request of no session has the process's own holder.
func (c *Conversations) Of(id, parent string) *Holder {
	if id == "" {
		id, parent = parent, ""
	}
	if id == "" {
		return c.own
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if parent == "" || parent == id {
		return c.of(id, nil)
	}
	return c.of(id, c.of(parent, nil))
}

// of is the holder of one session, which becomes the one used last: holder, or where that is nil
// the one that it has, or one of its own. The caller has the lock.
func (c *Conversations) of(name string, holder *Holder) *Holder {
	id := rotation.ConversationOf(name)
	if e, ok := c.sessions[id]; ok {
		c.latest.MoveToFront(e)
		s := e.Value.(*session)
		s.holder = cmp.Or(holder, s.holder)
		return s.holder
	}
	if holder == nil {
		holder = c.own.beside(id)
	}
	c.sessions[id] = c.latest.PushFront(&session{id, holder})
	if c.latest.Len() > maxLive {
		delete(c.sessions, c.latest.Remove(c.latest.Back()).(*session).id)
	}
	return holder
}

// PrepareAhead is Holder.PrepareAhead for all of them.
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
