package cli

import (
	"cmp"
	"slices"
	"strings"
)

// noProxy are the names of the variable that lists what goes past a proxy, on systems that tell them apart. Programs read
// either, and where both are there some the one and some the other.
var noProxy = []string{"NO_PROXY", "no_proxy"}

// pastProxies returns env with the hosts of a gateway in those lists, so that the user's proxy never gets what is meant
// for the gateway. What the user has there stays. goos is the system.
func pastProxies(env []string, goos string) []string {
	if goos == "windows" { // where a variable has one name, however it is written
		name, value := noProxy[0], ""
		env = slices.DeleteFunc(slices.Clone(env), func(e string) bool {
			n, v, _ := strings.Cut(e, "=")
			if !strings.EqualFold(n, name) {
				return false
			}
			value = v
			return true
		})
		return append(env, name+"="+withLoopback(value))
	}
	upper, lower := strings.TrimSpace(getenv(env, noProxy[0])), strings.TrimSpace(getenv(env, noProxy[1]))
	env = setenv(env, noProxy[0], withLoopback(cmp.Or(upper, lower)))
	return setenv(env, noProxy[1], withLoopback(cmp.Or(lower, upper)))
}

// withLoopback is list with this machine's hosts at its end. A star alone stands for all hosts already.
func withLoopback(list string) string {
	if strings.TrimSpace(list) == "*" {
		return list
	}
	var hosts []string
	for host := range strings.SplitSeq(list, ",") {
		if host = strings.TrimSpace(host); host != "" {
			hosts = append(hosts, host)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ",")
}
