package doctor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// OpenCode 2.0.15 was tried with each of these cases.
func TestProxies(t *testing.T) {
	for env, found := range map[string]bool{
		"": false, "HTTP_PROXY=p": true, "http_proxy=p": true, "HTTPS_PROXY=p": false, "ALL_PROXY=p": false,
		"HTTP_PROXY=p NO_PROXY=localhost": true, "HTTP_PROXY=p NO_PROXY=127.0.0.0/8": true,
		"HTTP_PROXY=p NO_PROXY=x,127.0.0.1,y": false, "HTTP_PROXY=p no_proxy=127.0.0.1": false, "http_proxy=p NO_PROXY=*": false,
	} {
		variables := map[string]string{}
		for _, pair := range strings.Fields(env) {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
		}
		assert.Equal(t, found, len(findings(home(t, variables, second).proxies)) == 1, env)
		assert.Empty(t, findings(home(t, variables, first).proxies), env)
	}
}
