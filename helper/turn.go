package helper

import (
	"context"

	"ocgo-key/keychain"
)

// bounded returns ctx with a deadline: its own, or for a request, which has none, that of a keychain
// call. It bounds the wait for the state's lock too: see docs/decisions/0010-keychain-waits.md.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, keychain.DefaultBudget)
}

// take waits for the turn, or until ctx ends: a keychain that prompts its user may take long. give
// ends the turn, and during is the context for what is done in it.
func (k *keyring) take(ctx context.Context) (during context.Context, give func(), err error) {
	ctx, end := bounded(ctx)
	select {
	case k.turn <- struct{}{}:
		return ctx, func() { <-k.turn; end() }, nil
	case <-ctx.Done():
		end()
		return nil, nil, ctx.Err()
	}
}
