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
	// askLimit bounds the question about one account; all are asked side by side.
	askLimit = 3 * time.Second
	// askBudget bounds them all, the keychain's part included.
	askBudget = 5 * time.Second
	// patient is how long a person waits without being told for what.
	patient = time.Second
)

// refresh asks the service about all accounts, and says on stderr what it could not ask.
func (a *app) refresh(pool *rotation.Pool) error {
	a.keys().Unlock(a.budget())
	ctx, cancel := context.WithTimeout(context.Background(), askBudget)
	defer cancel()
	done := a.progress("asking the service")
	asked, err := usagePoller(pool, a.keys(), a.baseURL).AskAll(ctx, askLimit)
	done()
	if err != nil {
		return err
	}
	o, err := pool.Overview(context.Background())
	if err != nil {
		return err
	}
	for _, t := range troubles(o, asked, time.Now()) {
		a.Warn(t.text, t.hint)
	}
	return nil
}

func usagePoller(pool *rotation.Pool, keys keychain.Store, service *url.URL) *helper.UsagePoller {
	return &helper.UsagePoller{Pool: pool, Keys: keys, Base: service, Client: helper.NewClient(), Now: time.Now}
}

// progress shows a person at a terminal what takes long. The returned function removes that line.
func (a *app) progress(what string) (done func()) {
	if a.Quiet || !term.IsTerminal(a.stderr) || a.dumb() {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-end:
		case <-time.After(patient):
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

// trouble is why some accounts could not be asked about.
type trouble struct{ text, hint string }

// troubles are what went wrong, the accounts with one cause in one line, with how old their numbers are.
func troubles(o rotation.Overview, asked []helper.Asked, now time.Time) []trouble {
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
		cause, hint := askTrouble(answer.Err)
		at := slices.IndexFunc(groups, func(g group) bool { return g.cause == cause })
		if at < 0 {
			at, groups = len(groups), append(groups, group{cause: cause, hint: hint})
		}
		groups[at].accounts = append(groups[at].accounts, o.Accounts[i])
	}
	var all []trouble
	for _, g := range groups {
		all = append(all, trouble{fmt.Sprintf("%s: %s; %s", labels(g.accounts), g.cause, numbersAge(g.accounts, now)), g.hint})
	}
	return all
}

// mostLabels is how many accounts are named in a line; there may be any number.
const mostLabels = 3

func labels(accounts []rotation.View) string {
	var names []string
	for _, v := range accounts[:min(len(accounts), mostLabels)] {
		names = append(names, text.OneLine(v.Label))
	}
	text := strings.Join(names, ", ")
	if more := len(accounts) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// numbersAge is how old the oldest numbers of these accounts are.
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

// askTrouble is why an account could not be asked about, in the same words for all accounts with the same trouble.
func askTrouble(err error) (cause, hint string) {
	_, hint = explain(err)
	if k, ok := errors.AsType[*keychain.Error](err); ok {
		bare := *k
		bare.ID = ""
		return bare.Error(), hint
	}
	const look = "`ocgo-key doctor` checks further; `ocgo-key status` asks again"
	if refused, ok := errors.AsType[*helper.UsageError](err); ok {
		if refused.Status == http.StatusUnauthorized {
			return refused.Error(), "the service also says so about keys that work; if requests are refused as well, `ocgo-key replace` gives the account a new key"
		}
		return refused.Error(), look
	}
	timeout, ok := errors.AsType[net.Error](err)
	if errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return fmt.Sprintf("the service did not answer within %v", askLimit), look
	}
	if broken, ok := errors.AsType[*url.Error](err); ok { // its own text begins with the method and the whole URL
		return "the service cannot be reached: " + broken.Err.Error(), look
	}
	if errors.As(err, new(*json.SyntaxError)) || errors.As(err, new(*json.UnmarshalTypeError)) {
		return "the service's answer to /usage cannot be read", look
	}
	if hint == "" {
		hint = look
	}
	return err.Error(), hint
}
