package trust

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDoubt(t *testing.T) {
	alice, root := User{UID: 1000}, User{UID: 0}
	for _, c := range []struct {
		what string
		user User
		of   Facts
		fine bool
	}{
		{"the user's own", alice, Facts{1000, 1000, 0o700}, true},
		{"which others may read", alice, Facts{1000, 100, 0o755}, true},
		{"root's", alice, Facts{0, 0, 0o755}, true},
		{"another user's", alice, Facts{1001, 1001, 0o700}, false},
		{"of the user's private group", alice, Facts{1000, 1000, 0o775}, true},
		{"of a group", alice, Facts{1000, 100, 0o775}, false},
		{"everybody's", alice, Facts{1000, 1000, 0o777}, false},
		{"/tmp", alice, Facts{0, 0, 0o777 | fs.ModeSticky}, false},
		{"a user's, for root", root, Facts{1000, 1000, 0o700}, false},
		{"the user's who ran sudo", User{Also: []int{1000}}, Facts{1000, 1000, 0o700}, true},
		{"a third user's, under sudo", User{Also: []int{1000}}, Facts{1001, 1001, 0o700}, false},
	} {
		assert.Equal(t, c.fine, c.user.Doubt(c.of) == "", c.what)
	}
}

func TestNewUser(t *testing.T) {
	env := map[string]string{"SUDO_UID": "1000", "HOME": "/home/carol"}
	owner := func(path string) (int, bool) { return 1002, path == "/home/carol" }
	assert.Equal(t, User{UID: 0, Also: []int{1000, 1002}}, NewUser(0, func(name string) string { return env[name] }, owner))
	assert.Equal(t, User{UID: 1001}, NewUser(1001, func(name string) string { return env[name] }, owner), "nobody but root is anybody else")
	assert.Equal(t, User{}, NewUser(0, func(string) string { return "" }, owner))
	env = map[string]string{"SUDO_UID": "x", "HOME": "/gone"}
	assert.Equal(t, User{}, NewUser(0, func(name string) string { return env[name] }, owner))
}
