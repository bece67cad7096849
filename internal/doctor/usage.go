package doctor

import (
	"context"
	"sync"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// usageAnswer is the service's answer for one account.
type usageAnswer struct {
	usage rotation.Usage
	err   error
}

// usageRequests is the number of parallel requests.
const usageRequests = 8

// askUsage requests the usage of all accounts in parallel. Nothing is saved.
func (e serviceCheck) askUsage() map[string]usageAnswer {
	answers := map[string]usageAnswer{}
	s, keys := e.state().state, e.keychain()
	if e.Offline || s == nil || keys.err != nil || e.service().err != nil {
		return answers
	}
	ctx, cancel := context.WithTimeout(e.ctx, serviceLimit)
	defer cancel()
	client := helper.NewClient()
	var mu sync.Mutex
	var all sync.WaitGroup
	turn := make(chan struct{}, usageRequests)
	for _, a := range s.Accounts {
		key, ok := keys.held[a.ID]
		if !ok || a.Disabled {
			continue
		}
		if _, err := keychain.ParseKey(key.Reveal()); err != nil {
			continue // the key cannot be sent in a header
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
