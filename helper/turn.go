package helper

import (
	"context"

	"ocgo-key/keychain"
)

// take waits for the turn, or until ctx ends: a keychain that prompts its user may take long. give
// ends the turn, and during is the context of everything that is done in it. A request, whose context
// has no deadline, gets that of a keychain call, which also limits the wait for the state's lock: see
// docs/decisions/0010-keychain-waits.md.
func (k *keyring) take(ctx context.Context) (during context.Context, give func(), err error) {
	ctx, end := keychain.WithBudget(ctx)
	select {
	case k.turn <- struct{}{}:
		return ctx, func() { <-k.turn; end() }, nil
	case <-ctx.Done():
		end()
		return nil, nil, ctx.Err()
	}
}
