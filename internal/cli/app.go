package cli

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"sync"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/report"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/internal/trust"
	"ocgo-key/rotation"
)

// app holds what commands share. It opens the pool and the key store only when a command needs them.
type app struct {
	globals
	*report.Terminal
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	getenv func(string) string

	baseURL *url.URL

	asksNobody bool // never ask for a passphrase, even on a terminal
	opening    sync.Once
	chosen     *accounts.Keys
}

// check validates the global flags before a command starts.
func (a *app) check() error {
	base, err := parseBaseURL(a.BaseURL)
	if err != nil {
		return err
	}
	a.baseURL = base
	if a.TrustState {
		trust.All()
	}
	if a.Store != "" {
		if err := accounts.CheckStore(a.Store); err != nil {
			return hint.Input("--store: %w", err)
		}
	}
	return nil
}

func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, hint.Input("--base-url: %q is not a URL", raw)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, hint.Input("--base-url: it must not contain a user, a query or a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()), u.Scheme != "http" && u.Scheme != "https":
		return nil, hint.Input("--base-url: it must be https (http only for a loopback address), or keys would cross the network unencrypted")
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// pool opens the pool in the state folder.
func (a *app) pool() (*rotation.Pool, error) {
	pool, _, err := a.poolWarning(func(message string) { a.Warn(message, "") })
	return pool, err
}

// poolWarning is like pool, but passes warnings about the state to warn. It also returns the state
// folder.
func (a *app) poolWarning(warn func(message string)) (pool *rotation.Pool, dir string, err error) {
	dir, err = paths.StateDir(a.getenv, os.UserHomeDir)
	if err != nil {
		return nil, "", err
	}
	return rotation.Open(dir, warn), dir, nil
}

// budget returns the time limit for all keychain calls of a command.
func (a *app) budget() accounts.Budget {
	if term.Interactive(a.getenv) {
		return accounts.PersonBudget
	}
	return accounts.ProgramBudget
}

// keys returns the key store.
func (a *app) keys() *accounts.Keys {
	a.opening.Do(func() {
		a.chosen = accounts.Open(accounts.Choice{Store: a.Store, Identity: a.Identity, Silent: a.asksNobody, Getenv: a.getenv})
	})
	return a.chosen
}

// accounts joins the pool and the key store.
func (a *app) accounts(pool *rotation.Pool) *accounts.Accounts {
	return &accounts.Accounts{Pool: pool, Keys: a.keys(), Service: a.baseURL, Budget: a.budget(), Tell: a.Terminal}
}

// overview opens the pool and reads it.
func (a *app) overview() (*rotation.Pool, rotation.Overview, error) {
	pool, err := a.pool()
	if err != nil {
		return nil, rotation.Overview{}, err
	}
	o, err := pool.Overview(context.Background())
	return pool, o, err
}

// account opens the pool and finds the account called name.
func (a *app) account(name string) (*rotation.Pool, rotation.View, error) {
	pool, o, err := a.overview()
	if err == nil && len(o.Accounts) == 0 {
		err = rotation.ErrEmpty
	}
	if err != nil {
		return nil, rotation.View{}, err
	}
	v, err := o.Find(name)
	return pool, v, err
}

// confirm asks the user the question, unless yes is set. It returns an error if the user declines.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	ok, err := term.Confirm(text.Line(question))
	switch {
	case errors.Is(err, term.ErrNoTerminal):
		return hint.On(hint.Input("there is no terminal to ask on: %s", question), "add --yes to skip the question")
	case err != nil:
		return err
	case !ok:
		return hint.Refuse("nothing was changed")
	}
	return nil
}
