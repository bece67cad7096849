package doctor

import (
	"context"
	"sync"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// usageAnswer is what the service said of one account.
type usageAnswer struct {
	usage rotation.Usage
	err   error
}

// questions is how many accounts are asked about at once.
const questions = 8

// askUsage asks about all accounts, side by side. Nothing is written down.
func (e serviceCheck) askUsage() map[string]usageAnswer {
	answers := map[string]usageAnswer{}
	s, keys := e.state().state, e.keychain()
	if s == nil || keys.err != nil || e.service().err != nil {
		return answers
	}
	ctx, cancel := context.WithTimeout(e.ctx, serviceLimit)
	defer cancel()
	client := helper.NewClient()
	var mu sync.Mutex
	var all sync.WaitGroup
	turn := make(chan struct{}, questions)
	for _, a := range s.Accounts {
		key, ok := keys.held[a.ID]
		if !ok || a.Disabled {
			continue
		}
		if _, err := keychain.ParseKey(key.Reveal()); err != nil {
			continue // it would not be a header
		}
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			usage, err := helper.FetchUsage(ctx, client, e.Service, key)
			mu.Lock()
			defer mu.Unlock()
			answers[a.ID] = usageAnswer{usage, err}
		})
	}
	all.Wait()
	return answers
}
