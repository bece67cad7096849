package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ocgo-key/helper"
	"ocgo-key/internal/term"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

const (
	// askLimit is the time limit of the request for one account. The requests run in parallel.
	askLimit = 3 * time.Second
	// askBudget is the time limit of all requests, including the calls of the keychain.
	askBudget = 5 * time.Second
	// progressDelay is the time after which a message says what the program is waiting for.
	progressDelay = time.Second
)

// refresh asks the service about all accounts, and returns the pool with the new numbers. It warns of
// accounts that it could not ask about.
func (a *app) refresh(pool *rotation.Pool) (rotation.Overview, error) {
	a.keys().Unlock(a.budget())
	ctx, cancel := context.WithTimeout(context.Background(), askBudget)
	defer cancel()
	done := a.progress("asking the service")
	asked, err := usagePoller(pool, a.keys(), a.baseURL).AskAll(ctx, askLimit)
	done()
	if err != nil {
		return rotation.Overview{}, err
	}
	o, err := pool.Overview(context.Background())
	for _, f := range failures(o, asked, time.Now()) {
		a.Warn(f.text, f.hint)
	}
	return o, err
}

func usagePoller(pool *rotation.Pool, keys keychain.Store, service *url.URL) *helper.UsagePoller {
	return &helper.UsagePoller{Pool: pool, Keys: keys, Base: service, Client: helper.NewClient(), Now: time.Now}
}

// progress shows what the program is waiting for, on a terminal and after progressDelay. done removes
// the message.
func (a *app) progress(what string) (done func()) {
	if a.Quiet || !term.IsTerminal(a.stderr) || a.dumb() {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-end:
		case <-time.After(progressDelay):
			fmt.Fprintf(a.stderr, "ocgo-key: %s...", what)
			<-end
			fmt.Fprint(a.stderr, "\r\x1b[K")
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// failure is a message, with its hint, about accounts whose usage the program could not fetch.
type failure struct{ text, hint string }

// failures returns one message per cause, with the labels of the affected accounts and the age of
// their numbers.
func failures(o rotation.Overview, asked []helper.Asked, now time.Time) []failure {
	type group struct {
		cause, hint string
		accounts    []rotation.View
	}
	var groups []group
	for _, answer := range asked {
		i := slices.IndexFunc(o.Accounts, func(v rotation.View) bool { return v.ID == answer.ID })
		if answer.Err == nil || i < 0 {
			continue
		}
		cause, hint := failureCause(answer.Err)
		at := slices.IndexFunc(groups, func(g group) bool { return g.cause == cause })
		if at < 0 {
			at, groups = len(groups), append(groups, group{cause: cause, hint: hint})
		}
		groups[at].accounts = append(groups[at].accounts, o.Accounts[i])
	}
	var all []failure
	for _, g := range groups {
		all = append(all, failure{fmt.Sprintf("%s: %s; %s", labels(g.accounts), g.cause, numbersAge(g.accounts, now)), g.hint})
	}
	return all
}

// maxLabels is how many labels a message contains at most.
const maxLabels = 3

func labels(accounts []rotation.View) string {
	var names []string
	for _, v := range accounts[:min(len(accounts), maxLabels)] {
		names = append(names, text.OneLine(v.Label))
	}
	text := strings.Join(names, ", ")
	if more := len(accounts) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// numbersAge returns the age of the oldest numbers of these accounts, as a sentence.
func numbersAge(accounts []rotation.View, now time.Time) string {
	var oldest time.Time
	for _, v := range accounts {
		if v.Usage != nil && (oldest.IsZero() || v.Usage.At.Before(oldest)) {
			oldest = v.Usage.At
		}
	}
	if oldest.IsZero() {
		return "there are no numbers yet"
	}
	return "the numbers are from " + text.Ago(oldest, now)
}

// failureCause returns a text and a hint for an error. Errors with the same cause have the same
// text.
func failureCause(err error) (cause, hint string) {
	_, hint = explain(err)
	if k, ok := errors.AsType[*keychain.Error](err); ok {
		bare := *k
		bare.ID = ""
		return bare.Error(), hint
	}
	const checkHint = "`ocgo-key doctor` checks further; `ocgo-key status` asks again"
	if refused, ok := errors.AsType[*helper.UsageError](err); ok {
		if refused.Status == http.StatusUnauthorized {
			return refused.Error(), "/usage also refuses some keys that work; if other requests are refused too, `ocgo-key replace` gives the account a new key"
		}
		return refused.Error(), checkHint
	}
	timeout, ok := errors.AsType[net.Error](err)
	if errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return fmt.Sprintf("the service did not answer within %v", askLimit), checkHint
	}
	if _, broken := errors.AsType[*url.Error](err); broken {
		return helper.Unreachable(err).Error(), checkHint
	}
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, shape := errors.AsType[*json.UnmarshalTypeError](err)
	if syntax || shape {
		return "the service's answer to /usage cannot be read", checkHint
	}
	if hint == "" {
		hint = checkHint
	}
	return err.Error(), hint
}
