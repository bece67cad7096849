package keychain_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

func setEnv(t *testing.T, env []string) {
	t.Helper()
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// fakeHelper puts a script docker-credential-fake on the PATH. In the script, $1 is the action, and
// $none is the protocol's message for "not found".
func fakeHelper(t *testing.T, script string) (store keychain.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	script = "#!/bin/bash\nhere='" + dir + "'\nnone='credentials not found in native keychain'\n" + script
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker-credential-fake"), []byte(script), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return keychain.NewDocker("fake"), dir
}

// filing is the script of a working helper that stores each key in a file.
const filing = `
read -r -d '' input
case $1 in
store) f=$(jq -r .ServerURL <<<"$input" | base64 -w0 | tr / _); printf %s "$input" >"$here/$f.entry" ;;
get) f=$(printf '%s\n' "$input" | base64 -w0 | tr / _); cat "$here/$f.entry" 2>/dev/null || { echo "$none"; exit 1; } ;;
erase) f=$(printf '%s\n' "$input" | base64 -w0 | tr / _); rm "$here/$f.entry" ;;
list) echo no such action; exit 1 ;;
esac
`

// The helper gets the key only on stdin, in the format of docker's protocol.
func TestDockerWhatTheHelperGets(t *testing.T) {
	store, dir := fakeHelper(t, `
tr '\0' '\n' </proc/$$/cmdline >>"$here/argv"; env >>"$here/env"; cat >>"$here/stdin.$1"
[ "$1" = get ] && { echo "$none"; exit 1; }; exit 0`)
	set(t, store, "a b/ü", marker)
	_, err := store.Get(t.Context(), "a b/ü")
	require.ErrorIs(t, err, keychain.ErrNotFound)
	for name, want := range map[string]string{
		"stdin.store": `{"ServerURL":"https://ocgo-key.invalid/a%20b%2F%C3%BC","Username":"a b/ü","Secret":"` + marker + `"}` + "\n",
		"stdin.get":   "https://ocgo-key.invalid/a%20b%2F%C3%BC",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, want, string(text), name)
	}
	for _, name := range []string{"argv", "env"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.NotEmpty(t, text)
		noMarker(t, name, string(text))
	}
}

// Helpers may fail in many ways. Each call ends with an error that names the cause and does not
// contain the key.
func TestDockerHelpersThatFail(t *testing.T) {
	everyCall := []string{"get", "set", "delete"}
	for _, test := range []struct {
		name   string
		script string
		ops    []string
		kind   keychain.Kind
		says   string
	}{
		{"hangs", "sleep 1000", everyCall, keychain.Timeout, "no answer within"},
		{"hangs in what it started", "sleep 1000 & wait", everyCall, keychain.Timeout, "no answer within"},
		{"hangs, deaf to signals", "trap '' TERM INT HUP; while :; do sleep 1000; done", everyCall, keychain.Timeout, "no answer within"},
		{"answers late", `sleep 5; echo '{"Username":"id","Secret":"x"}'`, everyCall, keychain.Timeout, "no answer within"},
		{"says nothing", "exit 0", []string{"get", "delete"}, keychain.Failed, "returned no valid credential"},
		{"garbage", "echo " + marker, []string{"get", "delete"}, keychain.Failed, "returned no valid credential"},
		{"another type", `echo '[{"Secret":17}]'`, []string{"get", "delete"}, keychain.Failed, "returned no valid credential"},
		{"half of an answer", `printf '{"Username":"id","Secret":"` + marker + `'`, []string{"get", "delete"}, keychain.Failed, "returned no valid credential"},
		{"without end", "yes " + marker, everyCall, keychain.Failed, "wrote more than 1048576 bytes"},
		{"an empty key", `echo '{"Username":"id","Secret":""}'`, []string{"get"}, keychain.Failed, "the key in docker-credential-fake is empty"},
		{"another account's key", `echo '{"Username":"other","Secret":"` + marker + `"}'`, []string{"get", "delete"}, keychain.NotFound, "no key is stored for this account"},
		{"none, in an old one's words", `echo '{"ServerURL":"x","Username":"","Secret":""}'`, []string{"get", "delete"}, keychain.NotFound, "no key is stored for this account"},
		{"quotes the key", `echo "can't: $(cat)"; exit 1`, []string{"set"}, keychain.Failed, "ended with exit status 1"},
		{"gives the key, and fails", `echo '{"Username":"id","Secret":"` + marker + `"}'; exit 1`, []string{"get", "delete"}, keychain.Failed, "ended with exit status 1"},
		{"panics", `echo "panic: ` + marker + `

goroutine 1 [running]:" >&2; exit 2`, everyCall, keychain.Failed, "ended with exit status 2"},
		{"is killed", "kill -9 $$", everyCall, keychain.Failed, "ended with signal: killed"},
		{"says why", `printf 'the vault\n\033[31m is sealed'; exit 3`, everyCall, keychain.Failed, "exit status 3: the vault [31m is sealed"},
		{"is locked", `echo "User interaction is not allowed. (-25308)"; exit 1`, everyCall, keychain.Locked, "the keychain that it uses is locked"},
		{"lists what it does not find", `[ $1 = list ] && echo '{"https://ocgo-key.invalid/id":"id"}' || { echo "$none"; exit 1; }`, []string{"get"}, keychain.Locked, "lists the key, but does not return it"},
		{"lists what it falls over", `[ $1 = list ] && echo '{"https://ocgo-key.invalid/id":"id"}' || exit 2`, []string{"get"}, keychain.Locked, "lists the key, but does not return it"},
		{"keeps what it should delete", `[ $1 = erase ] || echo '{"Username":"id","Secret":"x"}'`, []string{"delete"}, keychain.Refused, "still holds the key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, dir := fakeHelper(t, test.script)
			t.Setenv("FAKE_HELPER_MARK", dir) // inherited by the helper and its children; withCommand does not count the test process
			budget := 20 * time.Second
			if test.kind == keychain.Timeout {
				budget = shortly
			}
			for _, op := range test.ops {
				ctx, cancel := context.WithTimeout(t.Context(), budget)
				var err error
				switch op {
				case "get":
					var s keychain.Secret
					s, err = store.Get(ctx, "id")
					assert.True(t, s.IsZero())
				case "set":
					err = store.Set(ctx, "id", keychain.NewSecret(marker))
				case "delete":
					err = store.Delete(ctx, "id")
				}
				cancel()
				e := asError(t, err)
				assert.Equal(t, test.kind, e.Kind, "%s: %v", op, err)
				assert.Contains(t, e.Error(), test.says, op)
				assert.NotEmpty(t, e.Hint, op)
				assert.Equal(t, "docker:fake", e.Store)
				assert.NotContains(t, e.Error(), "goroutine")
				noMarker(t, op, fmt.Sprintf("%v %#v %s", err, err, e.Hint))
				assert.Empty(t, withCommand(t, dir), "processes left behind")
			}
		})
	}
}

// withCommand lists the processes with FAKE_HELPER_MARK=dir in their environment, except this
// process.
func withCommand(t *testing.T, dir string) []string {
	t.Helper()
	self := fmt.Sprintf("/proc/%d ", os.Getpid())
	var others []string
	for _, p := range withEnvironment(t, "FAKE_HELPER_MARK="+dir) {
		if !strings.HasPrefix(p, self) {
			others = append(others, p)
		}
	}
	return others
}

// A helper may leave a process running that keeps stdout open. This delays the answer only briefly.
func TestDockerHelperThatLeavesADaemon(t *testing.T) {
	store, dir := fakeHelper(t, `sleep 30 & echo $! >>"$here/pids"; echo '{"Username":"id","Secret":"x"}'`)
	t.Cleanup(func() {
		pids, _ := os.ReadFile(filepath.Join(dir, "pids"))
		for _, pid := range strings.Fields(string(pids)) {
			_ = exec.Command("kill", pid).Run()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := store.Get(ctx, "id")
	require.NoError(t, err)
	assert.Equal(t, "x", s.Reveal())
}

func TestDockerProgramsThatCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	store := keychain.NewDocker("fake")
	write := func(text string, perm os.FileMode) {
		path := filepath.Join(dir, "docker-credential-fake")
		_ = os.Remove(path)
		require.NoError(t, os.WriteFile(path, []byte(text), perm))
	}
	check := func(says string) {
		t.Helper()
		_, err := store.Get(t.Context(), "id")
		require.ErrorIs(t, err, keychain.ErrNoKeychain)
		assert.Contains(t, err.Error(), says)
		assert.NotEmpty(t, asError(t, err).Hint)
	}
	check("there is no program docker-credential-fake on the PATH")
	write("#!/bin/sh\n", 0o600)
	check("there is no program docker-credential-fake on the PATH")
	write("#!/no/such/interpreter\n", 0o700)
	check("docker-credential-fake can't be started")
	t.Chdir(dir)
	t.Setenv("PATH", ".")
	write("#!/bin/sh\n", 0o700)
	check("there is no program docker-credential-fake on the PATH")
}

func TestCheckDockerName(t *testing.T) {
	for _, good := range []string{"pass", "secretservice", "osxkeychain", "ecr-login", "my.co_2"} {
		assert.NoError(t, keychain.CheckDockerName(good))
	}
	for _, bad := range []string{"", "a/b", "../x", "a b", "-x", ".", "..", `a\b`, "ü", "x;y", "x\n"} {
		assert.Error(t, keychain.CheckDockerName(bad), "%q", bad)
	}
}
