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

// Quota asks the service what accounts have used, and takes the answers into the pool. A failure changes
// nothing: /usage is known to refuse keys that work. It is safe for concurrent use.
type Quota struct {
	Pool   *rotation.Pool
	Keys   keychain.Store
	Base   *url.URL // the service's
	Client *http.Client
	Now    func() time.Time

	mu    sync.Mutex
	asked map[string]time.Time // when each account was last asked about, by id
}

const (
	// usageTimeout bounds one question.
	usageTimeout = 10 * time.Second
	// usagePause is the least time between two questions about one account.
	usagePause = time.Minute
)

// Limited asks about an account that has just run into a limit.
func (q *Quota) Limited(ctx context.Context, g Grant) {
	if q.turn(g.ID) {
		q.ask(ctx, g)
	}
}

// Exhausted asks about all accounts that cool, side by side: one may be back before its time.
func (q *Quota) Exhausted(ctx context.Context) {
	o, err := q.Pool.Overview(ctx)
	if err != nil {
		return
	}
	var all sync.WaitGroup
	for _, v := range o.Accounts {
		if v.Condition.State != rotation.Cooling || v.Condition.Window == "" || !q.turn(v.ID) {
			continue
		}
		all.Go(func() {
			if key, err := q.Keys.Get(ctx, v.ID); err == nil {
				q.ask(ctx, Grant{v.Handout(), key})
			}
		})
	}
	all.Wait()
}

// turn tells whether it is time to ask about the account, and if so takes the turn.
func (q *Quota) turn(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if last, ok := q.asked[id]; ok && q.Now().Sub(last).Abs() < usagePause {
		return false
	}
	if q.asked == nil {
		q.asked = make(map[string]time.Time)
	}
	q.asked[id] = q.Now()
	return true
}

func (q *Quota) ask(ctx context.Context, g Grant) {
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	if usage, err := FetchUsage(ctx, q.Client, q.Base, g.Key); err == nil {
		_ = q.Pool.Learn(ctx, g.Handout, usage)
	}
}
