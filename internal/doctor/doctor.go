// Package doctor looks for what keeps ocgo-key from working as it should, and names the command
// that fixes it. Checks change nothing and print nothing; internal/cli prints what they find. A
// finding may have a repair, which [Repair] runs when the user asks for it.
//
// All checks are in one table, the method checks below. Each is a method of its subject's type, in
// the file named for the subject: state.go, accounts.go, keychain.go, keys.go, service.go,
// clock.go, opencode.go, config.go, plugin.go.
//
// To look for something more, add a method to the file of its subject, and call it from the method
// that is in the table. The method adds what it finds with [Result.found], or with [Result.fixable]
// where it has a repair. What several checks need is found out once, in examination.go.
//
// To add a check, make a file for its subject, with a type that embeds *examination and a method
// func(*Result), and add a row to the table. The method sets Well, which is shown where nothing is
// found. A repair that changes the state does so by a method of rotation.
package doctor

import (
	"context"
	"net/url"
	"sync"
	"time"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Options are what the checks need of the command line.
type Options struct {
	Getenv  func(string) string
	Keys    Keys
	Service *url.URL // the base URL of the Go service
	Offline bool     // leaves out what asks the service
	// Open opens the pool, for a repair. The checks themselves never open it: that would repair the
	// state.
	Open func() (*rotation.Pool, error)
}

// Keys is the store that the keys are in.
type Keys interface {
	Name() string
	Get(ctx context.Context, id string) (keychain.Secret, error)
	Delete(ctx context.Context, id string) error
	keychain.Inspector
	// StoreIn is the name of the store that is chosen, with these settings.
	StoreIn(rotation.Settings) string
	// Moving reports whether a process is moving the keys to another store right now.
	Moving() bool
}

// A check looks at one subject, and adds what it finds to the result.
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

// How long a check may take: what asks the keychain, and what asks the service or another program.
const (
	keychainLimit = 8 * time.Second
	serviceLimit  = 5 * time.Second
)

// patience bounds one run of all checks. Requests with a key come after the keychain's answers; one
// that fails through a proxy is made once more without it.
const patience = keychainLimit + 2*serviceLimit + 2*time.Second

// Examine makes all checks side by side, and returns their results in the order of the table. A
// check that has not ended after [patience] is a problem itself.
func Examine(o Options) []Result {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	checks := newExamination(ctx, o).checks()
	results := make([]Result, len(checks))
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, check := range checks {
		results[i].Check = check.name
		results[i].found(Problem, "ocgo-key doctor", "it did not come to an end within %v", patience)
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
	case <-ctx.Done(): // say, a folder on a network that is gone; what still runs ends with this process
	}
	mu.Lock()
	defer mu.Unlock()
	return append([]Result(nil), results...)
}
