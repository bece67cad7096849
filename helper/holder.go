package helper

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// Holder holds an account and its key for a process or a conversation. While nothing changes,
// Current costs one stat. A Holder is safe for concurrent use.
type Holder struct {
	// Ahead is a percentage: if this much of a window is used, the holder switches to an account
	// with more left. 0 means the pool's setting, rotation.NotAhead means never. The holder
	// switches when the other key is in memory (see PrepareAhead), so that no request waits for the
	// keychain. Set Ahead before the first use.
	Ahead int
	// Choice is the account that the user has chosen for this holder. Set it before the first use.
	Choice rotation.Choice

	*keyring
	who rotation.Holder

	get     bool // the process calls `get`
	current atomic.Pointer[held]
	ready   atomic.Bool // the holder should switch now, ahead of the limit: the next key is in memory
}

// keyring is shared by the holders of one process.
type keyring struct {
	pool *rotation.Pool
	keys keychain.Store
	warn func(missing, next rotation.Handout)

	turn chan struct{} // a lock for the use of the pool and the keychain; guards the fields below
	// missing are the ids of accounts whose key was not in the keychain when the pool had the stamp
	// missingAt. When the stamp changes, missing is cleared, since a key may have been added.
	missing   []string
	missingAt state.Stamp

	mu    sync.Mutex // guards the fields below
	cache map[cacheKey]keychain.Secret
	early *fetch // the pending fetch, or nil
}

// fetch reads a key from the keychain while the hand-out is written to the state.
type fetch struct {
	of   cacheKey
	done chan struct{} // closed when the fields below are set
	key  keychain.Secret
	err  error
	ok   bool // false after a panic; then method key fetches again, and panics in its caller
}

// held is a grant and the pool's stamp at that time.
type held struct {
	Grant
	stamp state.Stamp
}

type cacheKey struct {
	id  string
	rev int
}

// NewHolder returns a holder of pool's accounts for who, with keys from the keychain. If an account
// has no usable key, the holder uses the next account, and calls warn with both accounts. NewHolder
// itself does not use the pool or the keychain.
func NewHolder(pool *rotation.Pool, keys keychain.Store, who rotation.Holder, warn func(missing, next rotation.Handout)) *Holder {
	return &Holder{who: who, keyring: &keyring{pool: pool, keys: keys, warn: warn, turn: make(chan struct{}, 1), cache: make(map[cacheKey]keychain.Secret)}}
}

// beside returns a holder for another conversation of the same process. Both holders share the keys
// in memory.
func (h *Holder) beside(who rotation.Holder) *Holder {
	return &Holder{Ahead: h.Ahead, Choice: h.Choice, who: who, keyring: h.keyring}
}

// Current returns the holder's account, or the next account if the holder has none. The function
// model returns the request's model. It may be nil, and is called only if the result depends on the
// model. The error is rotation.ErrEmpty, a *rotation.ExhaustedError, or comes from the keychain.
func (h *Holder) Current(ctx context.Context, model func() string) (Grant, error) {
	stamp := h.pool.Stamp()
	if c := h.current.Load(); c != nil && c.stamp == stamp && h.pool.Reusable(c.Handout) && !h.ready.Load() {
		return c.Grant, nil
	}
	ctx, give, err := h.take(ctx)
	if err != nil {
		return Grant{}, err
	}
	defer give()
	return h.acquire(ctx, h.ask(ctx, model))
}

// Report records the verdict v on the blamed grant in the pool, and returns the account to continue
// with. moved reports whether this call switched the holder.
func (h *Holder) Report(ctx context.Context, blamed Grant, v rotation.Verdict, model func() string) (next Grant, moved bool, err error) {
	ctx, give, err := h.take(ctx)
	if err != nil {
		return Grant{}, false, err
	}
	defer give()
	ask, stamp := h.ask(ctx, model), h.pool.Stamp()
	out, moved, err := h.pool.Report(ctx, h.who, blamed.Handout, v, ask)
	if err != nil {
		return Grant{}, false, err
	}
	next, _, err = h.grant(ctx, out, stamp, ask)
	return next, moved, err
}

// Leave records the verdict v like Report, and returns the account that Current will return. It
// does not read the keychain.
func (h *Holder) Leave(ctx context.Context, blamed Grant, v rotation.Verdict) (next rotation.Handout, err error) {
	ctx, end := keychain.WithBudget(ctx)
	defer end()
	next, _, err = h.pool.Report(ctx, h.who, blamed.Handout, v, rotation.Ask{Choice: h.Choice})
	return next, err
}

// Avoid switches the holder to another account without blaming the grant's account. It is for a
// request that the account could not serve.
func (h *Holder) Avoid(ctx context.Context, g Grant, model func() string) (Grant, error) {
	ctx, give, err := h.take(ctx)
	if err != nil {
		return Grant{}, err
	}
	defer give()
	ask := h.ask(ctx, model)
	ask.Avoid = append(slices.Clone(ask.Avoid), g.ID)
	return h.acquire(ctx, ask)
}

// Other returns an account that has not been tried for a request. The holder keeps its own account.
func (h *Holder) Other(ctx context.Context, tried []rotation.Handout, model func() string) (Grant, error) {
	ctx, give, err := h.take(ctx)
	if err != nil {
		return Grant{}, err
	}
	defer give()
	ask := h.ask(ctx, model)
	ask.Avoid = slices.Clone(ask.Avoid)
	for _, t := range tried {
		ask.Avoid = append(ask.Avoid, t.ID)
	}
	for {
		out, err := h.pool.Other(ctx, ask)
		if err != nil {
			return Grant{}, err
		}
		key, err := h.key(ctx, out)
		if !isKeyless(err) {
			return Grant{Handout: out, Key: key}, err
		}
		ask.Avoid = append(ask.Avoid, out.ID)
	}
}

// Spare returns an account for a request when all accounts have reached their usage limits; see
// rotation.Leases.Spare.
func (h *Holder) Spare(ctx context.Context, model func() string, use rotation.Purpose) (g Grant, ok bool, err error) {
	ctx, give, err := h.take(ctx)
	if err != nil {
		return Grant{}, false, err
	}
	defer give()
	out, ok, err := h.pool.Spare(ctx, h.who, h.ask(ctx, model), use)
	if err != nil || !ok {
		return Grant{}, false, err
	}
	key, err := h.key(ctx, out)
	return Grant{Handout: out, Key: key}, err == nil, err
}

// Refused counts an error answer of the service that no rule of package rotation covers.
func (h *Holder) Refused(ctx context.Context, g Grant, r rotation.Refusal) {
	ctx, end := keychain.WithBudget(ctx)
	defer end()
	_ = h.pool.Refused(ctx, g.Handout, r) // the count is only shown to users, so an error does not matter
}

// Prepare fetches the key of the account that would be next, so that a switch does not wait for the
// keychain. Errors are ignored: the call that needs the key returns them.
func (h *Holder) Prepare(ctx context.Context) {
	out, err := h.pool.Upcoming(ctx, h.who, rotation.Ask{Choice: h.Choice})
	if err != nil {
		return
	}
	_, _ = h.key(ctx, out)
}

// Open fetches the key of the first account that could be handed out, so that the keychain prompts
// the user now if it has to. No account is handed out. Errors are those of Current.
func (h *Holder) Open(ctx context.Context) error {
	ctx, give, err := h.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	var avoid []string
	var missing error
	for {
		out, err := h.pool.Upcoming(ctx, h.who, rotation.Ask{Avoid: avoid, Choice: h.Choice})
		if err != nil {
			return cmp.Or(missing, err)
		}
		if _, err = h.key(ctx, out); !isKeyless(err) {
			return err
		}
		avoid, missing = append(avoid, out.ID), err
	}
}

// PrepareAhead checks whether the holder should switch before its account reaches a limit. If so,
// it fetches the key of the next account. The holder switches at its next request.
func (h *Holder) PrepareAhead(ctx context.Context) { prepareAhead(ctx, h) }

// prepareAhead is like PrepareAhead, for several holders that share a keyring. It reads the pool
// once.
func prepareAhead(ctx context.Context, holders ...*Holder) {
	holders = slices.DeleteFunc(holders, func(h *Holder) bool { return h.Choice.Only })
	if len(holders) == 0 {
		return
	}
	h := holders[0]
	who := make([]rotation.Holder, len(holders))
	for i := range holders {
		who[i] = holders[i].who
	}
	ask := rotation.Ask{Ahead: h.Ahead}
	for missing := true; missing; {
		missing = false
		for i, out := range h.pool.Leaving(ctx, ask, who...) {
			if out.ID == "" || slices.Contains(ask.Avoid, out.ID) {
				continue
			}
			switch _, err := h.key(ctx, out); {
			case err == nil:
				holders[i].ready.Store(true)
			case isKeyless(err):
				ask.Avoid, missing = append(ask.Avoid, out.ID), true
			}
		}
	}
}

// Known returns the key of a hand-out if it is in memory.
func (k *keyring) Known(out rotation.Handout) (keychain.Secret, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, ok := k.cache[cacheKey{out.ID, out.KeyRev}]
	return key, ok
}

// Release ends the lease. If that fails, a process's lease still ends with the process.
func (h *Holder) Release(ctx context.Context) { _ = h.pool.Release(ctx, h.who) }

func (h *Holder) ask(ctx context.Context, model func() string) rotation.Ask {
	h.mu.Lock()
	h.early = nil // a fetch for a hand-out that could not be written
	h.mu.Unlock()
	if now := h.pool.Stamp(); now != h.missingAt {
		h.missing, h.missingAt = nil, now
	}
	ask := rotation.Ask{Avoid: h.missing, Ahead: h.Ahead, Choice: h.Choice, Get: h.get, Chosen: func(out rotation.Handout) { h.begin(ctx, out) }}
	if c := h.current.Load(); c != nil { // otherwise the key has to be read from the keychain
		ask.Had = c.Handout
		ask.To = func(out rotation.Handout) bool {
			_, ok := h.Known(out)
			return ok
		}
	}
	if model != nil {
		ask.Model = model()
	}
	return ask
}

// acquire takes an account from the pool, then its key from the keychain. The caller has called
// take.
func (h *Holder) acquire(ctx context.Context, ask rotation.Ask) (Grant, error) {
	stamp := h.pool.Stamp() // read before Take, so that the next request detects any later change
	before := h.current.Load()
	h.ready.Store(false)
	out, moved, err := h.pool.Take(ctx, h.who, ask)
	if err != nil {
		return Grant{}, err
	}
	g, whole, err := h.grant(ctx, out, stamp, ask)
	if err != nil {
		return Grant{}, err
	}
	if moved == nil && before != nil && before.ID != g.ID && !slices.Contains(ask.Avoid, before.ID) {
		moved = &rotation.Switch{From: before.Handout, To: g.Handout, Cause: rotation.ByHand} // the user switched the holder with a command
	}
	if whole {
		g.Moved = moved
	}
	return g, nil
}

// grant fetches the key of a hand-out and remembers both. If the keychain has no key for the
// account, whole is false: this process calls warn and uses the next account. The account stays in
// the pool, since other processes may use a keychain that has the key. stamp is the pool's stamp
// before the hand-out. The caller has called take.
func (h *Holder) grant(ctx context.Context, out rotation.Handout, stamp state.Stamp, ask rotation.Ask) (g Grant, whole bool, err error) {
	for whole = true; ; whole = false {
		key, err := h.key(ctx, out)
		if err == nil {
			g := Grant{Handout: out, Key: key}
			h.current.Store(&held{g, stamp})
			return g, whole, nil
		}
		if !isKeyless(err) {
			return Grant{}, false, err
		}
		h.missing = append(h.missing, out.ID)
		ask.Avoid = append(slices.Clone(ask.Avoid), out.ID)
		stamp = h.pool.Stamp()
		next, nextErr := h.pool.Acquire(ctx, h.who, ask)
		if waiting, ok := errors.AsType[*rotation.ExhaustedError](nextErr); ok && !waiting.Until.IsZero() {
			return Grant{}, false, nextErr // another account will be ready again
		}
		if nextErr != nil {
			return Grant{}, false, err
		}
		h.warn(out, next)
		out = next
	}
}

// isKeyless reports whether err says that the account's key is missing or not valid. Then other
// accounts are used.
func isKeyless(err error) bool {
	return errors.Is(err, keychain.ErrNotFound) || errors.Is(err, keychain.ErrUnusable)
}

// key returns the key of a hand-out from memory, or from the keychain.
func (k *keyring) key(ctx context.Context, out rotation.Handout) (keychain.Secret, error) {
	if key, ok := k.Known(out); ok {
		return key, nil
	}
	if f := k.begun(out); f != nil {
		if <-f.done; f.ok {
			return f.key, f.err
		}
	}
	return k.fetch(ctx, out)
}

func (k *keyring) fetch(ctx context.Context, out rotation.Handout) (keychain.Secret, error) {
	key, err := keychain.GetKey(ctx, k.keys, out.ID)
	if err != nil {
		return key, keychain.WithLabel(err, out.Label)
	}
	k.mu.Lock()
	k.cache[cacheKey{out.ID, out.KeyRev}] = key
	k.mu.Unlock()
	return key, nil
}

// begin starts to fetch a key that the method key will need soon.
func (k *keyring) begin(ctx context.Context, out rotation.Handout) {
	if _, ok := k.Known(out); ok {
		return
	}
	f := &fetch{of: cacheKey{out.ID, out.KeyRev}, done: make(chan struct{})}
	k.mu.Lock()
	k.early = f
	k.mu.Unlock()
	go func() {
		defer close(f.done)
		defer func() { _ = recover() }() // the panic's value may contain a key
		f.key, f.err = k.fetch(ctx, out)
		f.ok = true
	}()
}

// begun returns the fetch that begin has started for this key, or nil. It returns each fetch once.
func (k *keyring) begun(out rotation.Handout) *fetch {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.early
	if f == nil || f.of != (cacheKey{out.ID, out.KeyRev}) {
		return nil
	}
	k.early = nil
	return f
}
