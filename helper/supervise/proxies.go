package supervise

import (
	"cmp"
	"slices"
	"strings"
)

// noProxy are the names of the variable with the hosts to reach without a proxy. Some programs read
// the first name, some the second. On Windows names ignore case, so both are the same variable.
var noProxy = []string{"NO_PROXY", "no_proxy"}

// userPrefix begins the names of the variables that keep the user's own NO_PROXY and no_proxy. An
// empty value means that the user's variable was not set.
const userPrefix = "OCGO_KEY_USER_"

// pastProxies returns env with the hosts of a gateway added to the lists in noProxy's variables, so
// that requests to the gateway never go to the user's proxy. It keeps the user's own values for
// usersProxies.
func pastProxies(env []string, goos string) []string {
	upper, lower := strings.TrimSpace(getenv(env, noProxy[0])), strings.TrimSpace(getenv(env, noProxy[1]))
	lists := []string{withLoopback(cmp.Or(upper, lower)), withLoopback(cmp.Or(lower, upper))}
	if goos == "windows" { // names of variables ignore case
		name, value := noProxy[0], ""
		env = slices.DeleteFunc(slices.Clone(env), func(e string) bool {
			n, v, _ := strings.Cut(e, "=")
			if !strings.EqualFold(n, name) {
				return false
			}
			value = v
			return true
		})
		env, lists = append(env, name+"="+value), []string{withLoopback(value)}
	}
	for i, list := range lists {
		name := noProxy[i]
		if before := getenv(env, name); before != list {
			env = setenv(setenv(env, name, list), userPrefix+name, before)
		}
	}
	return env
}

// usersProxies restores the lists that pastProxies changed. It keeps a list that was changed again
// after that.
func usersProxies(env []string, goos string) []string {
	before, kept := slices.Clone(env), false
	for _, name := range noProxy {
		record := func(e string) bool { return strings.HasPrefix(e, userPrefix+name+"=") }
		if !slices.ContainsFunc(env, record) {
			continue
		}
		kept = true
		value := getenv(env, userPrefix+name)
		before = slices.DeleteFunc(before, func(e string) bool { return record(e) || strings.HasPrefix(e, name+"=") })
		if value != "" {
			before = append(before, name+"="+value)
		}
	}
	if !kept {
		return env
	}
	ours := pastProxies(before, goos)
	for _, name := range noProxy {
		if now := getenv(env, name); now != getenv(ours, name) {
			before = setenv(before, name, now)
		}
	}
	return before
}

// withLoopback returns list with the names of this machine added. A star, which matches all hosts,
// is returned unchanged.
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
