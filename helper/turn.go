package helper

import (
	"context"

	"ocgo-key/keychain"
)

// take locks k.turn, or fails when ctx ends, since a keychain may wait long for its user. give
// unlocks it. during is the context for all work in between. If ctx has no deadline, as in a
// request, during has the deadline of a keychain call. It also limits the wait for the state's
// lock: see docs/decisions/0010-keychain-waits.md.
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
