package cli

import (
	"sync"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

// session is one `run` while it lasts: it turns what the gateway meets into restarts of the command.
type session struct {
	notices
	mode     string // --on-429
	command  wrapper.Command
	restarts chan wrapper.Command

	mu         sync.Mutex
	restarting bool            // the command is being stopped, to be started again
	answered   bool            // something of the user's was answered in this run
	tried      map[string]bool // accounts that were restarted onto since the last answer
}

func (s *session) observer() gateway.Observer {
	o := s.notices.observer()
	o.Answered, o.Limited = s.sawAnswer, s.limited
	return o
}

func (s *session) sawAnswer(x *gateway.Exchange) {
	if s.mode != "restart" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tried)
	s.answered = s.answered || x.Session() == "" || x.HasTools()
}

// started follows each start of the command.
func (s *session) started() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarting = false
}

// limited decides whether the command is invoked again on the next account. Before anything was answered, the
// same command does the same work, and nothing is doubled; at most one pass over the pool.
func (s *session) limited(_ *gateway.Exchange, sw rotation.Switch) (hold bool) {
	if s.mode != "restart" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restarting {
		return true // another request of the same command met the limit first
	}
	if s.answered || s.tried[sw.To.ID] {
		return false
	}
	s.tried[sw.From.ID], s.tried[sw.To.ID] = true, true
	s.restarting = true
	s.restarts <- s.command // there is room: the one before was received, or its command would not have started
	return true
}
