package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"ocgo-key/helper"
)

// errStalled is the error of a request whose answer did not begin in time.
var errStalled = errors.New("the service did not begin to answer in time")

// send sends the request once. The key is only in this copy of the request, so that nothing else
// can show it.
func (f *failover) send(req *http.Request, x *Exchange, grant helper.Grant) (*http.Response, error) {
	// x.ctx is used, and not the context of req. The reverse proxy has added a hook to that context,
	// which forwards informational responses (100 to 199) to the client. No client needs them.
	ctx, cancel := context.WithCancelCause(x.ctx)
	out := req.WithContext(ctx)
	out.Header = req.Header.Clone()
	x.body.open(out)
	f.secrets.add(grant.Key.Reveal())
	// The key goes into the header that the client used, and into the header that the service reads
	// on this path. Some clients use another header, and the service treats a missing key like an
	// invalid key.
	messages := strings.HasSuffix(req.URL.Path, "/messages") || strings.Contains(req.URL.Path, "/messages/")
	if x.apiKeyHeader || messages {
		out.Header["X-Api-Key"] = []string{grant.Key.Reveal()}
	}
	if !messages || x.bearerHeader && !x.apiKeyHeader {
		out.Header["Authorization"] = []string{"Bearer " + grant.Key.Reveal()}
	}
	if f.Stall > 0 {
		watchdog := time.AfterFunc(f.Stall, func() { cancel(errStalled) })
		defer watchdog.Stop()
	}
	resp, err := f.Transport.RoundTrip(out)
	if err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		cancel(nil)
		return nil, f.secrets.cleanError(err)
	}
	if err := f.secrets.clean(resp, cancel); err != nil {
		cancel(nil)
		_ = resp.Body.Close()
		return nil, &badAnswer{err}
	}
	return resp, nil
}
