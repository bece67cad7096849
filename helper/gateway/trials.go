package gateway

import (
	"sync"
	"time"
)

// trials records requests that are sent although all accounts have reached their usage limits. The
// service still answers models that cost nothing, and only a trial shows which models these are.
type trials struct {
	mu     sync.Mutex
	models map[string]trial
}

type trial struct {
	at   time.Time // the time of the last refused trial, or of the pending one
	open bool      // the last trial was answered
}

const (
	// trialPause is the shortest time between two trials of a model that the service refuses.
	trialPause = time.Minute
	// maxTrials is the largest number of models that are remembered: clients can send any name.
	maxTrials = 256
)

// due reports whether a request for this model may be tried now, and if so counts it as a trial.
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

// answered records that the service answers this model.
func (t *trials) answered(model string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(model, trial{open: true})
}

// limited records that the service refuses this model because of a usage limit.
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
