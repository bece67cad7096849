package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"ocgo-key/helper"
	gw "ocgo-key/helper/gateway"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// counts are the numbers of calls of each kind.
type counts struct{ stats, reads, locks, keys atomic.Int64 }

// countingState counts accesses to the state file.
type countingState struct {
	*state.File
	*counts
}

func (s countingState) Stamp() state.Stamp {
	s.stats.Add(1)
	return s.File.Stamp()
}

func (s countingState) Read(ctx context.Context) (*state.State, error) {
	s.reads.Add(1)
	return s.File.Read(ctx)
}

func (s countingState) Update(ctx context.Context, change func(*state.State) error) error {
	s.locks.Add(1)
	return s.File.Update(ctx, change)
}

// countingKeys counts accesses to the keychain.
type countingKeys struct {
	keychain.Store
	*counts
}

func (k countingKeys) Get(ctx context.Context, id string) (keychain.Secret, error) {
	k.keys.Add(1)
	return k.Store.Get(ctx, id)
}

// countedGateway starts a gateway in this process. It counts the gateway's accesses to the state
// and the keychain in n.
func (c *comparison) countedGateway(ctx context.Context, n *counts) (*gw.Gateway, error) {
	file := state.OpenFile(filepath.Join(c.home.dir, "counted"), time.Now, func(message string) { fmt.Fprintln(os.Stderr, "bench:", message) })
	pool := rotation.New(countingState{file, n}, time.Now, func(int, string) bool { return true })
	keys := countingKeys{keychain.NewMemory(), n}
	for i := 1; i <= 3; i++ {
		id := fmt.Sprint("id", i)
		if err := keys.Set(ctx, id, keychain.NewSecret(keyOf(i))); err != nil {
			return nil, err
		}
		if err := pool.Add(ctx, rotation.NewAccount{ID: id, Label: "Account " + id}); err != nil {
			return nil, err
		}
	}
	base, err := url.Parse(c.upstream.BaseURL)
	if err != nil {
		return nil, err
	}
	holder := helper.NewHolder(pool, keys, rotation.Process{PID: os.Getpid(), Start: "bench"}, func(_, _ rotation.Handout) {})
	return gw.Start(gw.Options{Holder: holder, Upstreams: map[string]*url.URL{gw.GoPrefix: base}})
}

// quiet counts the accesses to the state file and the keychain during a request that needs no new
// account.
func (c *comparison) quiet(ctx context.Context) error {
	var n counts
	g, err := c.countedGateway(ctx, &n)
	if err != nil {
		return err
	}
	defer g.Close()
	u, err := url.Parse(g.URL(gw.GoPrefix))
	if err != nil {
		return err
	}
	const settle = 300 * time.Millisecond
	over := way{name: "gateway", host: u.Host, key: g.Token()}
	w, err := dial(ctx, over)
	if err != nil {
		return err
	}
	request := over.request(pathSmall, prompt(smallPrompt))
	for range 2 { // the first request takes the lease and fetches the key, the second reads the changed state
		if err := w.ask(request); err != nil {
			return err
		}
		if err := w.extend(); err != nil {
			return err
		}
	}
	if n.locks.Load() == 0 || n.keys.Load() == 0 {
		return errors.New("nothing was counted, though the first request takes a lock and asks the keychain")
	}
	// When the counts no longer change, the background preparation for a fail-over is done.
	for before := int64(-1); before != n.reads.Load()+n.keys.Load(); time.Sleep(settle) {
		before = n.reads.Load() + n.keys.Load()
	}
	n = counts{}
	if err := w.extend(); err != nil {
		return err
	}
	for range c.effort.quietRequests {
		if err := w.ask(request); err != nil {
			return err
		}
	}
	each := func(v *atomic.Int64) string {
		return fmt.Sprintf("%g", float64(v.Load())/float64(c.effort.quietRequests))
	}
	cell := fmt.Sprintf("%s stat, %s reads, %s locks, %s keychain", each(&n.stats), each(&n.reads), each(&n.locks), each(&n.keys))
	c.add("1 stat, nothing else", cell == "1 stat, 0 reads, 0 locks, 0 keychain", "state and keychain, calls per request", "–", "–", cell, "–", "–")
	return nil
}
