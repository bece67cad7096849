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
	"strings"
	"time"

	"ocgo-key/helper"
	"ocgo-key/internal/text"
	"ocgo-key/internal/version"
	"ocgo-key/rotation"
)

// serviceCheck checks that the Go service is reachable and knows our keys.
type serviceCheck struct{ *examination }

// reached is the outcome of a request to the service without a key.
type reached struct {
	err    error
	status int
	ours   bool // the answer has the form of an error of the Go service
	took   time.Duration
	ahead  time.Duration // the difference between this machine's clock and the service's
	dated  bool          // ahead is known
	proxy  proxy
	direct bool // a request without the proxy gets an answer
}

func (e serviceCheck) reach() reached {
	r := e.ask(helper.NewClient())
	r.proxy = e.findProxy(e.Service)
	if r.err != nil && r.proxy.address != "" {
		client := helper.NewClient()
		client.Transport = &http.Transport{} // without a proxy
		r.direct = e.ask(client).err == nil
		client.CloseIdleConnections()
	}
	return r
}

// ask requests /usage without a key. The form of the refusal shows whether the Go service answers.
func (e serviceCheck) ask(client *http.Client) (r reached) {
	ctx, cancel := context.WithTimeout(e.ctx, serviceLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Service.JoinPath("usage").String(), nil)
	if err != nil {
		return reached{err: err}
	}
	req.Header.Set("User-Agent", version.UserAgent())
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // the URL may be that of a proxy, with a password
		}
		return reached{err: err}
	}
	defer resp.Body.Close()
	r = reached{status: resp.StatusCode, took: time.Since(start)}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.dated, r.ahead = true, start.Add(r.took/2).Sub(at.Add(time.Second/2)) // Date has whole seconds
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // a truncated body is not valid JSON
	var answer struct{ Type string }
	r.ours = json.Unmarshal(body, &answer) == nil && answer.Type == "error"
	return r
}

func (e serviceCheck) checkService(r *Result) {
	if e.Offline {
		r.Skipped = "not asked, because an agent's shell sends no key to it"
		return
	}
	s, base := e.service(), e.Service.String()
	fix := "ocgo-key doctor"
	if e.Getenv("OCGO_KEY_BASE_URL") != "" {
		fix = "unset OCGO_KEY_BASE_URL"
	}
	r.Well = fmt.Sprintf("%s answers in %s%s", base, took(s.took), s.proxy.text())
	switch {
	case s.err != nil && s.direct:
		r.found(Problem, "unset "+strings.Join(s.proxy.names, " "), "%s cannot be reached%s: %s; it can be reached without the proxy", base, s.proxy.text(), e.netReason(s))
	case s.err != nil:
		r.found(Problem, fix, "%s cannot be reached%s: %s; is this machine online?", base, s.proxy.text(), e.netReason(s))
	case s.status >= 500:
		r.found(Problem, "ocgo-key doctor", "%s answers %d: the service itself fails, try again later", base, s.status)
	case s.status != http.StatusUnauthorized && s.status != http.StatusForbidden || !s.ours:
		r.found(Problem, fix, "%s does not answer as the Go service does (status %d): it may be another program, or a sign-in page%s", base, s.status, s.proxy.text())
	}
	e.checkRefused(r)
}

// netReason returns the reason why there was no answer, as one line without a password.
func (e serviceCheck) netReason(s reached) string {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](s.err)
	switch {
	case errors.Is(s.err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", serviceLimit)
	case ok && invalid.Reason == x509.Expired:
		return "its certificate is not valid at the time that this machine's clock shows, " + time.Now().Format("2 Jan 2006 15:04")
	}
	return helper.NetworkReason(s.err)
}

// checkRefused reports accounts whose key /usage refuses, as a note: such a key can still work for
// model requests.
func (e serviceCheck) checkRefused(r *Result) {
	o, err := e.state().overview(e.ctx)
	if err != nil {
		return
	}
	usage := e.usage()
	for _, v := range o.Accounts {
		refused, ok := errors.AsType[*helper.UsageError](usage[v.ID].err)
		if v.Condition.State == rotation.Rejected || !ok {
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
