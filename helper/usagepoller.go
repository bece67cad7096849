package helper

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// UsagePoller requests the usage of accounts from the service, and records it in the pool. A
// failure changes nothing, since /usage also refuses keys that work. It sends requests only after
// events, never by a timer, so an idle process sends nothing. It is safe for concurrent use.
type UsagePoller struct {
	Pool   *rotation.Pool
	Keys   keychain.Store
	Base   *url.URL // the service's base URL
	Client *http.Client
	Now    func() time.Time
	// Holder has keys in memory. Refresh uses only these keys, since reading one from the keychain
	// could prompt the user for a password. So Refresh leaves out accounts that this process never
	// used; the processes that use them refresh their usage. May be nil.
	Holder *Holder
	// Conversations are the conversations that the process serves. Refresh also calls their
	// PrepareAhead. May be nil.
	Conversations *Conversations

	mu    sync.Mutex
	asked map[string]time.Time     // when each account's usage was last requested, by account id
	open  map[string]chan struct{} // pending requests, by account id; closed when done
	due   time.Time                // until this time, all usage that Refresh checks is recent
}

const (
	// usageTimeout is the time limit of one request.
	usageTimeout = 10 * time.Second
	// usagePause is the shortest time between two requests about one account.
	usagePause = time.Minute
	// usageInUse is the age at which Refresh requests the usage of the account in use again.
	// usageOthers is the age for other accounts.
	usageInUse  = 5 * time.Minute
	usageOthers = 15 * time.Minute
)

// Limited requests the usage of an account that has just reached a limit.
func (u *UsagePoller) Limited(ctx context.Context, g Grant) {
	if end, ok := u.turn(g.ID); ok {
		u.askInTurn(ctx, g, end)
	}
}

// askInTurn requests the usage of an account, and then calls end, which turn has returned.
func (u *UsagePoller) askInTurn(ctx context.Context, g Grant, end func()) {
	defer end()
	_ = u.ask(ctx, g, usageTimeout)
}

// Switched requests the usage of the account that the process has switched to, unless the known
// usage is recent.
func (u *UsagePoller) Switched(ctx context.Context, g Grant) {
	o, err := u.Pool.Overview(ctx)
	if err != nil {
		return
	}
	for _, v := range o.Accounts {
		if v.ID == g.ID && u.age(v) >= usagePause {
			u.Limited(ctx, g)
		}
	}
}

// Exhausted requests the usage of all used-up accounts at the same time, since one may be ready
// earlier than expected. It also waits for pending requests about these accounts.
func (u *UsagePoller) Exhausted(ctx context.Context) {
	o, err := u.Pool.Overview(ctx)
	if err != nil {
		return
	}
	var all sync.WaitGroup
	for _, v := range o.Accounts {
		if v.Condition.State != rotation.Cooling || v.Condition.Window == "" {
			continue
		}
		end, ok := u.turn(v.ID)
		if !ok {
			all.Go(func() { u.await(ctx, v.ID) })
			continue
		}
		all.Go(func() {
			defer end()
			if key, err := u.key(ctx, v, nil); err == nil {
				_ = u.ask(ctx, Grant{Handout: v.Handout(), Key: key}, usageTimeout)
			}
		})
	}
	all.Wait()
}

// Due reports whether Refresh should be called, because some usage may be old. Due is called after
// each request and costs almost nothing. After it has returned true, it returns false for
// usagePause.
func (u *UsagePoller) Due() bool {
	now := u.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if wait := u.due.Sub(now); wait > 0 && wait <= usageInUse { // if wait is longer, the clock was set back
		return false
	}
	u.due = now.Add(usagePause)
	return true
}

// Refresh requests the usage of g's account, and of other accounts whose key is in memory, if their
// usage in the pool is old. The requests run at the same time. Then it calls PrepareAhead, for
// switches ahead of a limit.
func (u *UsagePoller) Refresh(ctx context.Context, g Grant) {
	o, err := u.Pool.Overview(ctx)
	if err != nil {
		return
	}
	var all sync.WaitGroup
	now, soonest := u.Now(), usageInUse
	for _, v := range o.Accounts {
		pace, key := usageInUse, g.Key
		if v.ID != g.ID || v.KeyRev != g.KeyRev {
			known := false
			if pace = usageOthers; u.Holder != nil {
				key, known = u.Holder.Known(v.Handout())
			}
			if !known || !v.Enabled || v.Condition.State == rotation.Rejected {
				continue
			}
		}
		age := u.age(v)
		if age >= pace {
			if end, ok := u.turn(v.ID); ok {
				age = 0
				all.Go(func() { u.askInTurn(ctx, Grant{Handout: v.Handout(), Key: key}, end) })
			}
		}
		soonest = min(soonest, max(pace-age, usagePause))
	}
	all.Wait()
	_ = u.Pool.NoteUse(ctx, g.ID) // `list` shows the last use
	u.mu.Lock()
	u.due = now.Add(soonest)
	u.mu.Unlock()
	if u.Holder != nil {
		u.Holder.PrepareAhead(ctx)
	}
	if u.Conversations != nil {
		u.Conversations.PrepareAhead(ctx)
	}
}

// never is the age of unknown usage.
const never = 1 << 62 * time.Nanosecond

// age returns the time since any process recorded the account's usage or this process last
// requested it.
func (u *UsagePoller) age(v rotation.View) time.Duration {
	now := u.Now()
	age := never
	if v.Usage != nil {
		age = now.Sub(v.Usage.At).Abs()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.asked[v.ID]; ok {
		age = min(age, now.Sub(last).Abs())
	}
	return age
}

// turn reports whether a request about the account may be sent now. If so, the request counts as
// pending until end is called.
func (u *UsagePoller) turn(id string) (end func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.asked[id]; ok && u.Now().Sub(last).Abs() < usagePause {
		return nil, false
	}
	if u.asked == nil {
		u.asked, u.open = make(map[string]time.Time), make(map[string]chan struct{})
	}
	done := make(chan struct{})
	u.asked[id], u.open[id] = u.Now(), done
	return func() { close(done) }, true
}

// await waits for the pending request about the account, if there is one.
func (u *UsagePoller) await(ctx context.Context, id string) {
	u.mu.Lock()
	done := u.open[id]
	u.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// ask requests the usage of one account and records it, within the time limit.
func (u *UsagePoller) ask(ctx context.Context, g Grant, limit time.Duration) error {
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	asked := u.Now()
	usage, err := FetchUsage(within, u.Client, u.Base, g.Key)
	if err != nil {
		return err
	}
	usage.Asked = asked
	return u.Pool.Learn(ctx, g.Handout, usage)
}
