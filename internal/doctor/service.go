package doctor

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"ocgo-key/helper"
	"ocgo-key/internal/text"
	"ocgo-key/internal/version"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// serviceCheck looks at the Go service, and the clock.
type serviceCheck struct{ *examination }

// reached is what became of a question to the service that needs no key.
type reached struct {
	err    error
	status int
	ours   bool // the answer has the service's form
	took   time.Duration
	ahead  time.Duration // how far our clock is ahead of the service's
	dated  bool          // it told its time
	proxy  proxy
	direct bool // without the proxy there is an answer
}

// proxy is what the environment says of the way to the service. It holds no user and no password.
type proxy struct {
	names   []string // variables that are set: HTTPS_PROXY
	address string   // of the proxy that is used; empty for none
	except  string   // NO_PROXY
}

func (p proxy) text() string {
	if p.address == "" {
		return ""
	}
	text := fmt.Sprintf("; by the proxy %s, from %s", p.address, strings.Join(p.names, ", "))
	if p.except != "" {
		text += ", with NO_PROXY=" + p.except
	}
	return text
}

// findProxy says which proxy a request to base goes through, and why.
func (e serviceCheck) findProxy(base *url.URL) proxy {
	name := strings.ToUpper(base.Scheme) + "_PROXY"
	var p proxy
	for _, variable := range []string{name, strings.ToLower(name)} {
		if e.Getenv(variable) != "" {
			p.names = append(p.names, variable)
		}
	}
	for _, variable := range []string{"NO_PROXY", "no_proxy"} {
		if p.except == "" {
			p.except = e.Getenv(variable)
		}
	}
	// A variable that is no URL counts as unset; the text of an error could hold a password.
	if at, err := http.ProxyFromEnvironment(&http.Request{URL: base}); err == nil && at != nil {
		p.address = (&url.URL{Scheme: at.Scheme, Host: at.Host}).String()
	}
	return p
}

func (e serviceCheck) reach() reached {
	r := e.ask(helper.NewClient())
	r.proxy = e.findProxy(e.Accounts.Service)
	if r.err != nil && r.proxy.address != "" {
		client := helper.NewClient()
		client.Transport = &http.Transport{} // has no proxy
		r.direct = e.ask(client).err == nil
		client.CloseIdleConnections()
	}
	return r
}

// ask asks for usage without a key, which the service refuses in its own words.
func (e serviceCheck) ask(client *http.Client) (r reached) {
	ctx, cancel := context.WithTimeout(e.ctx, serviceLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Accounts.Service.JoinPath("usage").String(), nil)
	if err != nil {
		return reached{err: err}
	}
	req.Header.Set("User-Agent", version.UserAgent())
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // its URL may be a proxy's, with a password
		}
		return reached{err: err}
	}
	defer resp.Body.Close()
	r = reached{status: resp.StatusCode, took: time.Since(start)}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.dated, r.ahead = true, start.Add(r.took/2).Sub(at.Add(time.Second/2)) // it tells whole seconds
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what is cut short has not the form
	var answer struct{ Type string }
	r.ours = json.Unmarshal(body, &answer) == nil && answer.Type == "error"
	return r
}

func (e serviceCheck) lookAtService(r *Result) {
	s, base := e.service(), e.Accounts.Service.String()
	mend := "ocgo-key doctor"
	if e.Getenv("OCGO_KEY_BASE_URL") != "" {
		mend = "unset OCGO_KEY_BASE_URL"
	}
	r.Well = fmt.Sprintf("%s answers in %s%s", base, took(s.took), s.proxy.text())
	switch {
	case s.err != nil && s.direct:
		r.found(Problem, "unset "+strings.Join(s.proxy.names, " "), "%s cannot be reached%s: %s; without the proxy it can", base, s.proxy.text(), e.netReason(s))
	case s.err != nil:
		r.found(Problem, mend, "%s cannot be reached%s: %s; is this machine online?", base, s.proxy.text(), e.netReason(s))
	case s.status >= 500:
		r.found(Problem, "ocgo-key doctor", "%s answers %d: the service has trouble of its own, try again later", base, s.status)
	case s.status != http.StatusUnauthorized && s.status != http.StatusForbidden || !s.ours:
		r.found(Problem, mend, "what answers at %s is not the Go service (%d): another program, or a sign-in page on the way%s", base, s.status, s.proxy.text())
	}
	e.lookForRefused(r)
}

// netReason is why there was no answer, in one line that holds no password.
func (e serviceCheck) netReason(s reached) string {
	invalid := x509.CertificateInvalidError{}
	switch {
	case errors.Is(s.err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", serviceLimit)
	case errors.As(s.err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate is not valid at the time that this machine's clock shows, " + time.Now().Format("2 Jan 2006 15:04")
	}
	return s.err.Error()
}

// lookForRefused tells of accounts that the service does not know. Its word on usage is not its last: it has been
// seen to refuse a key here that worked, so it is a note.
func (e serviceCheck) lookForRefused(r *Result) {
	s := e.state()
	o, err := s.overview(e.ctx)
	if err != nil {
		return
	}
	usage := e.usage()
	for _, v := range o.Accounts {
		refused := new(helper.UsageError)
		if v.Condition.State == rotation.Rejected || !errors.As(usage[v.ID].err, &refused) {
			continue
		}
		switch refused.Status {
		case http.StatusUnauthorized:
			r.found(Note, "ocgo-key replace "+text.Quote(v.Label), "the service does not know the key of %s (401)", text.OneLine(v.Label))
		case http.StatusForbidden:
			r.found(Note, "ocgo-key replace "+text.Quote(v.Label), "the service says that %s has no Go subscription (403)", text.OneLine(v.Label))
		}
	}
}

// usageAnswer is what the service said of one account.
type usageAnswer struct {
	usage rotation.Usage
	err   error
}

// questions is how many accounts are asked about at once.
const questions = 8

// askUsage asks about all accounts, side by side. Nothing is written down.
func (e serviceCheck) askUsage() map[string]usageAnswer {
	answers := map[string]usageAnswer{}
	s, keys := e.state().state, e.keychain()
	if s == nil || keys.err != nil || e.service().err != nil {
		return answers
	}
	ctx, cancel := context.WithTimeout(e.ctx, serviceLimit)
	defer cancel()
	client := helper.NewClient()
	var mu sync.Mutex
	var all sync.WaitGroup
	turn := make(chan struct{}, questions)
	for _, a := range s.Accounts {
		key, ok := keys.held[a.ID]
		if !ok || a.Disabled {
			continue
		}
		if _, err := keychain.ParseKey(key.Reveal()); err != nil {
			continue // it would not be a header
		}
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			usage, err := helper.FetchUsage(ctx, client, e.Accounts.Service, key)
			mu.Lock()
			defer mu.Unlock()
			answers[a.ID] = usageAnswer{usage, err}
		})
	}
	all.Wait()
	return answers
}

// clockLimit is how far this machine's clock may be from the service's.
const clockLimit = 2 * time.Minute

func (e serviceCheck) lookAtClock(r *Result) {
	s := e.service()
	if !s.dated {
		r.Skipped = "not compared, since the service did not tell its time"
		return
	}
	apart := s.ahead.Abs().Round(time.Second)
	r.Well = fmt.Sprintf("%v from the service's", apart)
	if apart <= clockLimit {
		return
	}
	way := "behind"
	if s.ahead > 0 {
		way = "ahead of"
	}
	r.found(Problem, clockMend(runtime.GOOS), "this machine's clock is %v %s the service's, so accounts come back too early or too late", apart, way)
}

func clockMend(goos string) string {
	switch goos {
	case "darwin":
		return "sudo sntp -sS time.apple.com"
	case "windows":
		return "w32tm /resync"
	}
	return "sudo timedatectl set-ntp true"
}
