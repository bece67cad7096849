package helper

import (
	"context"
	"errors"
	"time"

	"ocgo-key/rotation"
)

const (
	// againWithin is the time within which a second `get` of one process may mean that its key was
	// refused.
	againWithin = time.Minute
	// againTimeout limits the request for the usage, since a program waits for its key.
	againTimeout = 3 * time.Second
)

// Get is like Current, for a process that calls `get`. If the process called `get` less than a
// minute ago, or if told says that its key was refused, Get requests the account's usage from the
// service. If a window is used up or the service refuses the key, the account cools, and the
// process gets the next account. With any other answer, or without one, the process gets the same
// key again.
func (h *Holder) Get(ctx context.Context, usage *UsagePoller, told bool) (Grant, error) {
	h.get = true
	held, last, ok := h.pool.Held(ctx, h.who)
	if !ok {
		return h.Current(ctx, nil)
	}
	if told || usage.Now().Sub(last).Abs() < againWithin {
		if err := h.doubt(ctx, usage, held, told); err != nil {
			return Grant{}, err
		}
	}
	h.pool.NoteGet(h.who)
	return h.Current(ctx, nil)
}

// doubt requests the usage of the process's account, and cools the account if a window is used up
// or the service refuses the key. /usage also refuses keys that work. So if told is false and no
// other account is ready, the process keeps a refused key. The error comes from the keychain.
func (h *Holder) doubt(ctx context.Context, usage *UsagePoller, held rotation.Handout, told bool) error {
	key, err := h.key(ctx, held)
	switch {
	case isKeyless(err):
		return nil // Current uses another account
	case err != nil:
		return err
	}
	within, cancel := context.WithTimeout(ctx, againTimeout)
	defer cancel()
	asked := usage.Now()
	now, err := FetchUsage(within, usage.Client, usage.Base, key)
	var v rotation.Verdict
	cool := false
	refused, isRefused := errors.AsType[*UsageError](err)
	switch {
	case err == nil:
		now.Asked = asked
		_ = h.pool.Learn(ctx, held, now) // an error does not matter for the key
		v, cool = now.Limit(usage.Now())
	case isRefused && (refused.Status == 401 || refused.Status == 403):
		v, cool = rotation.RefusedKey(refused.Status, usage.Now()), true
		if _, none := h.pool.Other(ctx, rotation.Ask{Avoid: []string{held.ID}, Choice: h.Choice}); none != nil && !told {
			cool = false
		}
	}
	if cool {
		_, _, _ = h.pool.Report(ctx, h.who, held, v, rotation.Ask{Choice: h.Choice, Get: true}) // Current returns the error
	}
	return nil
}
