// Package doctor finds problems with ocgo-key, and names the command that fixes each. Checks change
// nothing and print nothing; internal/cli prints their findings. A finding may have a repair, which
// [Repair] runs on request.
//
// All checks are in one table, the method checks below. Each is a method of its subject's type, in
// the file named for the subject: state.go, accounts.go, keychain.go, keys.go, service.go,
// clock.go, opencode.go, config.go, plugin.go.
//
// To check more of a subject, add a method to its file and call it from the method in the table.
// The new method adds findings with [Result.found], or with [Result.fixable] if there is a repair.
// examination.go reads everything that several checks need, once.
//
// To add a check, make a file for its subject, with a type that embeds *examination and a method
// func(*Result), and add a row to the table. The method sets Well, which is shown if there is no
// finding. A repair that changes the state calls a method of rotation.
package doctor

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"time"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Options are the inputs of the checks.
type Options struct {
	Getenv  func(string) string
	Keys    Keys
	Service *url.URL // the base URL of the Go service
	Offline bool     // makes no requests to the service
	// Open opens the pool for a repair. Checks never open the pool, since that would repair the
	// state.
	Open func() (*rotation.Pool, error)
}

// Keys is the key store.
type Keys interface {
	Name() string
	Get(ctx context.Context, id string) (keychain.Secret, error)
	Delete(ctx context.Context, id string) error
	keychain.Inspector
	// StoreIn returns the name of the store that these settings select.
	StoreIn(rotation.Settings) string
	// CheckConfirmed returns an error if only state.json says that keys are in one of these stores.
	CheckConfirmed(ctx context.Context, s rotation.Settings, stores ...string) error
	// Described returns how messages name a store, with the identity that opens the encrypted file.
	Described(store string, s rotation.Settings) string
	// Moving reports whether a process is moving the keys to another store right now.
	Moving() bool
}

// A check examines one subject, and adds its findings to the result.
type check struct {
	name string // in JSON and on the screen
	run  func(*Result)
}

// checks is the table of all checks, in the order in which they are shown.
func (e *examination) checks() []check {
	return []check{
		{"state", stateCheck{e}.checkState},
		{"accounts", accountsCheck{e}.checkAccounts},
		{"keychain", keychainCheck{e}.checkKeychain},
		{"keys", keysCheck{e}.checkKeys},
		{"service", serviceCheck{e}.checkService},
		{"clock", clockCheck{e}.checkClock},
		{"opencode", openCodeCheck{e}.checkOpenCode},
		{"config", configCheck{e}.checkConfig},
		{"plugin", pluginCheck{e}.checkPlugin},
	}
}

// Time limits: for all calls of the keychain, and for one request or one run of another program.
const (
	keychainLimit = 8 * time.Second
	serviceLimit  = 5 * time.Second
)

// examineLimit is the time limit of one run of all checks. Requests with a key follow the keychain's
// answers, and a request that fails through a proxy is repeated without it.
const examineLimit = keychainLimit + 2*serviceLimit + 2*time.Second

// Examine runs all checks in parallel, and returns their results in the order of the table. It
// reports a check that has not ended after [examineLimit] as a problem.
func Examine(o Options) []Result {
	ctx, cancel := context.WithTimeout(context.Background(), examineLimit)
	defer cancel()
	checks := newExamination(ctx, o).checks()
	results := make([]Result, len(checks))
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, check := range checks {
		results[i].Check = check.name
		results[i].found(Problem, "ocgo-key doctor", "the check did not finish within %v", examineLimit)
		all.Go(func() {
			r := Result{Check: check.name}
			check.run(&r)
			mu.Lock()
			defer mu.Unlock()
			results[i] = r
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done(): // a check may hang, for instance on a network folder; it ends with this process
	}
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(results)
}
