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

// UsagePoller asks the service what accounts have used, and takes the answers into the pool. A
// failure changes nothing: /usage is known to refuse keys that work. It is safe for concurrent use.
//
// It asks when something happened, and never by a clock of its own: where nothing is done, nothing
// is asked.
type UsagePoller struct {
	Pool   *rotation.Pool
	Keys   keychain.Store
	Base   *url.URL // the service's
	Client *http.Client
	Now    func() time.Time
	// Holder has keys in memory. Refresh goes by these alone: no store can tell beforehand whether
	// a read will ask its user for a password, and nobody is to be asked for the sake of numbers.
	// That leaves out accounts that this process has no part in. Who has asks about them, and
	// nothing is used of those that nobody has. May be nil.
	Holder *Holder
	// Conversations are those that the process serves, which get ready for a move before the limit
	// too. May be nil.
	Conversations *Conversations

	mu    sync.Mutex
	asked map[string]time.Time     // when each account was last asked about, by id
	open  map[string]chan struct{} // questions under way, by id; closed at their end
	due   time.Time                // before that no numbers that Refresh looks at get old
}

const (
	// usageTimeout bounds one question.
	usageTimeout = 10 * time.Second
	// usagePause is the least time between two questions about one account.
	usagePause = time.Minute
	// usageInUse and usageOthers are how old the numbers of the account in use, and of others, get
	// before Refresh asks.
	usageInUse  = 5 * time.Minute
	usageOthers = 15 * time.Minute
)

// Limited asks about an account that has just run into a limit.
func (u *UsagePoller) Limited(ctx context.Context, g Grant) {
	if end, ok := u.turn(g.ID); ok {
		defer end()
		_ = u.ask(ctx, g, usageTimeout)
	}
}

// Switched asks about the account that the process has moved to, unless its numbers were learned
// just now.
func (u *UsagePoller) Switched(ctx context.Context, g Grant) {
	o, err := u.Pool.Overview(ctx)
	if err != nil {
		return
	}
	for _, v := range o.Accounts {
		if v.ID != g.ID || u.age(v) < usagePause {
			continue
		}
		if end, ok := u.turn(g.ID); ok {
			defer end()
			_ = u.ask(ctx, g, usageTimeout)
		}
	}
}

// Exhausted asks about all accounts that are used up, side by side: one may be back before its
// time. It also waits for such questions that others have under way.
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

// Due reports whether some numbers may be old, so that Refresh is worth its while. It is meant to
// be asked after each request, costs next to nothing, and says yes once.
func (u *UsagePoller) Due() bool {
	now := u.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if wait := u.due.Sub(now); wait > 0 && wait <= usageInUse { // more than that is a clock that was set back
		return false
	}
	u.due = now.Add(usagePause)
	return true
}

// Refresh asks about the account that g is on, and about others whose key is in memory, where what
// is known of them is old, whoever learned it. The questions go side by side. Then it gets ready
// for a move before the limit.
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
			known, ok := u.known(v.Handout())
			if !ok || !v.Enabled || v.Condition.State == rotation.Rejected {
				continue
			}
			pace, key = usageOthers, known
		}
		age := u.age(v)
		if age >= pace {
			if end, ok := u.turn(v.ID); ok {
				age = 0
				all.Go(func() {
					defer end()
					_ = u.ask(ctx, Grant{Handout: v.Handout(), Key: key}, usageTimeout)
				})
			}
		}
		soonest = min(soonest, max(pace-age, usagePause))
	}
	all.Wait()
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

func (u *UsagePoller) known(h rotation.Handout) (keychain.Secret, bool) {
	if u.Holder == nil {
		return keychain.Secret{}, false
	}
	return u.Holder.Known(h)
}

// never is the age of numbers that are not there.
const never = 1 << 62 * time.Nanosecond

// age is how long ago the numbers of the account were learned, by any process, or asked for by this
// one.
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

// turn reports whether it is time to ask about the account, and if so takes the turn; end is to be
// called after it.
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

// await waits for the end of the question about the account that is under way, if one is.
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

// ask asks about one account and learns the answer, within limit.
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
