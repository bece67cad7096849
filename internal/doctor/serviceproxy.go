package doctor

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// proxy is the proxy for requests to the service, from the environment, without user and password.
type proxy struct {
	names   []string // the variables that set the proxy, such as HTTPS_PROXY
	address string   // empty if there is no proxy
	except  string   // NO_PROXY
}

func (p proxy) text() string {
	if p.address == "" {
		return ""
	}
	text := fmt.Sprintf("; through the proxy %s, from %s", p.address, strings.Join(p.names, ", "))
	if p.except != "" {
		text += ", with NO_PROXY=" + p.except
	}
	return text
}

// findProxy returns the proxy for requests to base.
func (e serviceCheck) findProxy(base *url.URL) proxy {
	name := strings.ToUpper(base.Scheme) + "_PROXY"
	var p proxy
	for _, variable := range []string{name, strings.ToLower(name)} {
		if e.Getenv(variable) != "" {
			p.names = append(p.names, variable)
		}
	}
	p.except = cmp.Or(e.Getenv("NO_PROXY"), e.Getenv("no_proxy"))
	// An invalid URL counts as unset. The error is not shown, since its text could contain a
	// password.
	if at, err := http.ProxyFromEnvironment(&http.Request{URL: base}); err == nil && at != nil {
		p.address = (&url.URL{Scheme: at.Scheme, Host: at.Host}).String()
	}
	return p
}
