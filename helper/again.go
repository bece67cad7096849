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
	// againTimeout bounds the request for the usage: a program waits for its key.
	againTimeout = 3 * time.Second
)

// Get is Current for a process that calls `get`. If the process has just called it, or is told to
// have been refused its key, the service is asked about the account: a used-up window, or a refusal
// of the key, cools it, and the process gets the next one. With any other answer, and with none, it
// gets the same key again: a key is never given up without the service's word.
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

// doubt asks the service about the account that the process holds, and cools it if the service says
// so. A process that only asked twice keeps a key that /usage refuses if no other account is ready,
// because /usage also refuses keys that work. The error is the keychain's.
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
		_ = h.pool.Learn(ctx, held, now) // the key does not depend on it
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
