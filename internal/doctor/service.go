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

// serviceCheck checks that the Go service can be reached and knows our keys.
type serviceCheck struct{ *examination }

// reached is the outcome of a request to the service without a key.
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

func (e serviceCheck) reach() reached {
	r := e.ask(helper.NewClient())
	r.proxy = e.findProxy(e.Service)
	if r.err != nil && r.proxy.address != "" {
		client := helper.NewClient()
		client.Transport = &http.Transport{} // has no proxy
		r.direct = e.ask(client).err == nil
		client.CloseIdleConnections()
	}
	return r
}

// ask requests the usage without a key. The service refuses that in a form that shows it is the
// service.
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

func (e serviceCheck) checkService(r *Result) {
	if e.Offline {
		r.Skipped = "not asked: an agent's shell sends no key to it"
		return
	}
	s, base := e.service(), e.Service.String()
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
	e.checkRefused(r)
}

// netReason returns why there was no answer, in one line without a password.
func (e serviceCheck) netReason(s reached) string {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](s.err)
	switch {
	case errors.Is(s.err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", serviceLimit)
	case ok && invalid.Reason == x509.Expired:
		return "its certificate is not valid at the time that this machine's clock shows, " + time.Now().Format("2 Jan 2006 15:04")
	}
	return s.err.Error()
}

// checkRefused reports accounts whose key the service refuses to give usage for. That is a note:
// such a key has been seen to work all the same.
func (e serviceCheck) checkRefused(r *Result) {
	s := e.state()
	o, err := s.overview(e.ctx)
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
