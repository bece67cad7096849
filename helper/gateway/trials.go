package gateway

import (
	"sync"
	"time"
)

// trials are requests that are sent although the usage limits of all accounts are reached. The
// service answers models that cost nothing all the same, and only an answer shows which these are.
type trials struct {
	mu     sync.Mutex
	models map[string]trial
}

type trial struct {
	at   time.Time // of the last one that the service refused, or that is under way
	open bool      // the last one was answered
}

const (
	// trialPause is the least time between two trials of a model that the service refuses.
	trialPause = time.Minute
	// maxTrials bounds how many models are remembered: their names are the client's.
	maxTrials = 256
)

// due reports whether a request for this model is to be tried now, and if so takes the turn.
func (t *trials) due(model string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.models[model]
	if last.open {
		return true
	}
	if !last.at.IsZero() && now.Sub(last.at).Abs() < trialPause {
		return false
	}
	t.set(model, trial{at: now})
	return true
}

// answered: the service answers this model.
func (t *trials) answered(model string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(model, trial{open: true})
}

// limited: the service refuses this model for a usage limit.
func (t *trials) limited(model string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(model, trial{at: now})
}

func (t *trials) set(model string, to trial) {
	if t.models == nil || len(t.models) >= maxTrials {
		t.models = make(map[string]trial)
	}
	t.models[model] = to
}
