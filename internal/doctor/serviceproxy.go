package doctor

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// proxy is the proxy on the way to the service, from the environment, without user and password.
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

// findProxy returns the proxy that a request to base goes through, and the variables that name it.
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
