package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain/keychaintest"
)

// Three keys are added through a pipe. They are in the keychain and nowhere else.
func TestKeysAreInTheKeychainAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	p := w.list()
	assert.Equal(t, "Work ready, Personal ready, Spare ready", p.states())
	require.NotNil(t, p.Next)
	assert.Equal(t, "Work", *p.Next)
	for _, a := range p.Accounts {
		assert.Equal(t, []string{a.Label}, w.inKeychain(a))
	}
	leaks, err := w.marker.Files(w.home)
	require.NoError(t, err)
	assert.Empty(t, leaks)
	assert.FileExists(t, filepath.Join(w.home, ".local/state/ocgo-key/state.json"), "the state is below the searched folder")
	ringFile, err := filepath.Glob(filepath.Join(ring.Dir, "data/keyrings/*.keyring"))
	require.NoError(t, err)
	assert.NotEmpty(t, ringFile, "the keyring's own file, which is searched at the end, is where it is expected")
}

// inKeychain reads the account's key from the keychain with another program, and returns the name
// of the key.
func (of machine) inKeychain(a account) []string {
	w := of.w
	w.t.Helper()
	c := w.command("secret-tool", "lookup", "service", "ocgo-key", "username", a.ID).prints().run().ok()
	return w.keysOf(c.stdout.String() + "\n")
}

// A keychain can be unreachable for three reasons, and each gives its own error. The command starts
// no other keychain and leaves no process running.
func TestNoKeychain(t *testing.T) {
	t.Parallel()
	noBus := []string{"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="}
	at := func(mode keychaintest.Mode) []string {
		return keychaintest.StartSecretService(t, mode).Env()
	}
	w := newWorld(t)
	w.add("Work")
	messages, hints := map[string]string{}, map[string]string{}
	for name, test := range map[string]struct {
		env  []string
		code int
		says string
	}{
		"no service": {at(keychaintest.NoService), 5, "no keychain service is on the D-Bus session bus"},
		"locked":     {at(keychaintest.Locked), 4, "the keychain is locked"},
		"no bus":     {noBus, 5, "there is no D-Bus session bus"},
	} {
		mark := "OCGO_KEY_TEST_MARK=" + name + w.home
		here := w.with(append(test.env, mark)...)
		for _, args := range [][]string{{"get"}, {"run", "--", "true"}} {
			c := here.command("ocgo-key", args...)
			withoutSession(c)
			c.run()
			assert.Equal(t, test.code, c.code(), "%s: %v", name, args)
			assert.Empty(t, c.stdout.String(), "%s: %v", name, args)
			lines := strings.Split(strings.TrimSpace(c.stderr.String()), "\n")
			require.Len(t, lines, 2, "%s: %v: %s", name, args, c.stderr.String())
			assert.True(t, strings.HasPrefix(lines[0], "ocgo-key: ") && strings.HasSuffix(lines[0], test.says), lines[0])
			hint, ok := strings.CutPrefix(lines[1], "hint: ")
			assert.True(t, ok && hint != "", lines[1])
			messages[lines[0]], hints[hint] = name, name
		}
		assert.Empty(t, processesWith(t, mark), "%s: left behind", name)
	}
	assert.Len(t, messages, 3)
	assert.Len(t, hints, 3)
}

// withoutSession runs a command that finds neither a terminal nor the desktop's bus, even if the
// machine has both. Programs find the bus by user id. So if there is a bus, the command runs with
// another user id, in a user namespace.
func withoutSession(c *command) {
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if _, err := os.Stat("/run/user/" + userID() + "/bus"); err == nil {
		const nobody = 54321
		c.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}
	}
}

// The search at the end of each test finds a leak in each of these places.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	for name, leak := range map[string]func(w *world, key string){
		"stdout of sh": func(w *world, key string) { w.command("sh", "-c", "cat").reads(key).run() },
		"stderr of sh": func(w *world, key string) { w.command("sh", "-c", "cat >&2").reads(key).run() },
		".local/share/x": func(w *world, key string) {
			w.command("sh", "-c", "mkdir -p ~/.local/share; cat >~/.local/share/x").reads(key).run()
		},
		"project/y":        func(w *world, key string) { w.command("sh", "-c", "base64 -w0 >y").reads(key).run() },
		"environ of sleep": func(w *world, key string) { w.with("LEAK="+key).command("sleep", "1").run() },
		"cmdline of sh":    func(w *world, key string) { w.command("sh", "-c", "sleep 1; true", key).run() },
	} {
		t.Run(name, func(t *testing.T) {
			var caught []keyleak.Leak
			t.Run("a test", func(t *testing.T) {
				w := newWorld(t)
				w.leaks = func(leaks []keyleak.Leak) { caught = append(caught, leaks...) }
				leak(w, w.marker.Key("Work"))
			})
			require.NotEmpty(t, caught)
			// If the process ended during the search, the leak has no process name.
			assert.True(t, slices.ContainsFunc(caught, func(leak keyleak.Leak) bool { return strings.Contains(leak.Where, name) }), "%v", caught)
		})
	}
}
