// Package doctor finds problems with ocgo-key, and names the command that fixes each. Checks change
// nothing and print nothing; internal/cli prints their findings. A finding may have a repair, which
// [Repair] runs on request.
//
// The method checks below has the table of all checks. Each check is a method of the type for its
// subject, and each subject has a file, such as state.go or keychain.go.
//
// To check more of a subject, add a method to its file and call it from the method in the table.
// The new method adds findings with [Result.found], or with [Result.fixable] if there is a repair.
// examination.go reads once what several checks need.
//
// To add a subject, make a file with a type that embeds *examination and has a method
// func(*Result), and add a row to the table. The method sets Well, the text that is shown if there
// is no finding. A repair changes the state only through methods of rotation.
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
	Offline bool     // makes doctor send no request to the service
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
	// StoreIn returns the name of the store that the settings select.
	StoreIn(rotation.Settings) string
	// CheckConfirmed returns an error if the user has not confirmed one of these stores, and only
	// state.json names it.
	CheckConfirmed(ctx context.Context, s rotation.Settings, stores ...string) error
	// Described returns the name of a store for messages, with the identity that opens the
	// encrypted file.
	Described(store string, s rotation.Settings) string
	// Moving reports whether a process is moving the keys to another store right now.
	Moving() bool
}

// A check examines one subject, and adds its findings to the result.
type check struct {
	name string // the name of the check, in JSON and on the screen
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

// keychainLimit is the time limit of all keychain calls, serviceLimit that of one request or one
// run of another program.
const (
	keychainLimit = 8 * time.Second
	serviceLimit  = 5 * time.Second
)

// examineLimit is the time limit of one run of all checks. It has room for requests after slow
// keychain calls, and for repeating a failed request without the proxy.
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
	case <-ctx.Done(): // a check may hang, for example in a network folder; it ends with this process
	}
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(results)
}
