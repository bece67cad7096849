package main

import (
	"context"
	"fmt"
	"time"

	"ocgo-key/rotation/state"
)

// manyAccounts is the number of accounts in a large pool.
const manyAccounts = 1000

// enterMany prepares `get` with a large pool.
func (f *field) enterMany(ctx context.Context) error {
	h, err := f.newHome("many", unusedAddress)
	if err != nil {
		return err
	}
	if err := f.fill(ctx, h, accounts); err != nil {
		return err
	}
	if err := h.state().Update(ctx, crowd); err != nil {
		return err
	}
	name := fmt.Sprintf("`get`, %d accounts", manyAccounts)
	f.getMany = &contestant{name: name, argv: []string{f.binary, "get"}, env: h.env, prints: exactly(keyOf(1))}
	f.firstMany = &contestant{name: "a process's first " + name, argv: f.getMany.argv, env: h.env, prints: having(keyPrefix), prepare: newcomer}
	if _, err = f.getMany.time(ctx); err != nil { // this process gets its account here
		return err
	}
	return h.spaced(ctx, f.getMany)
}

// crowd adds used-up accounts. They have no key in the keychain.
func crowd(s *state.State) error {
	now := time.Now()
	back := now.Add(21 * 24 * time.Hour)
	for i := range s.Accounts {
		s.Accounts[i].Usage = used(now, back, state.Window{Status: "ok", Percent: 20})
	}
	for n := len(s.Accounts) + 1; n <= manyAccounts; n++ {
		s.Accounts = append(s.Accounts, state.Account{
			ID: fmt.Sprintf("%032d", n), Label: labelOf(n), Added: now, Workspace: "wrk_bench", User: "usr_bench",
			Cooldowns: []state.Cooldown{{Since: now, Until: back, Reason: "monthly limit", Window: "monthly"}},
			Usage:     used(now, back, state.Window{Status: "rate-limited", Percent: 100}),
		})
	}
	return nil
}

// used returns a usage with the same value for each window.
func used(at, resets time.Time, w state.Window) *state.StoredUsage {
	w.ResetsAt = resets
	u := state.Usage{At: at, Windows: map[string]state.Window{"rolling": w, "weekly": w, "monthly": w}}
	return u.Stored()
}
