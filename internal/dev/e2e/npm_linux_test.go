//go:build packages

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A registry is an npm registry on this machine. It passes no request on to another registry.
type registry struct {
	t       *testing.T
	address string
	npmrc   string // the npm configuration that names this registry, for npm and OpenCode
	stop    func()
}

const registryConfig = `storage: ./storage
max_body_size: 100mb
packages:
  '**': {access: $all, publish: $all}
log: {type: file, path: ./log, level: warn}
`

func newRegistry(t *testing.T) *registry {
	t.Helper()
	server := os.Getenv("VERDACCIO")
	require.FileExists(t, server, "run this as `make test-npm`")
	dir := t.TempDir()
	r := &registry{t: t, address: fmt.Sprintf("127.0.0.1:%d", freePort(t)), npmrc: filepath.Join(dir, "npmrc")}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(registryConfig), 0o600))
	require.NoError(t, os.WriteFile(r.npmrc, fmt.Appendf(nil, "registry=http://%s/\n//%s/:_authToken=none\n", r.address, r.address), 0o600))
	cmd := exec.Command("node", server, "--config", filepath.Join(dir, "config.yaml"), "--listen", r.address)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	r.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(r.stop)
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + r.address + "/-/ping")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}, patience, pause, "the registry did not start")
	return r
}

// fallsSilent replaces the registry with a server that accepts connections and never answers. The
// returned function returns the number of connections.
func (r *registry) fallsSilent() (connections func() int) {
	r.t.Helper()
	r.stop()
	l, err := net.Listen("tcp", r.address)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = l.Close() })
	var count atomic.Int64
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
			count.Add(1)
		}
	}()
	return func() int { return int(count.Load()) }
}

// publish publishes the packages of the program under test. It also publishes a stand-in for the
// package that OpenCode 1 installs for any plugin.
func (r *registry) publish() {
	r.t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(r.t, err)
	dist := r.t.TempDir()
	r.write(filepath.Join(dist, "metadata.json"), map[string]string{"tag": "v1.2.3", "version": "1.2.3", "commit": "HEAD"})
	r.write(filepath.Join(dist, "artifacts.json"), []map[string]string{{"type": "Binary", "path": program, "goos": runtime.GOOS, "goarch": runtime.GOARCH}})
	cmd := exec.Command("go", "run", "./internal/dev/packaging", "-dist", dist)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "%s", out)
	// Publishing again must work, as after a release that was interrupted.
	for range 2 {
		cmd := exec.Command("./internal/dev/packaging/publish.sh", dist)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "NODE_AUTH_TOKEN=none", "NPM_CONFIG_REGISTRY=http://"+r.address+"/", "HOME="+r.t.TempDir(), "TAP_TOKEN=")
		out, err := cmd.CombinedOutput()
		require.NoError(r.t, err, "%s", out)
	}
	standIn := filepath.Join(r.t.TempDir(), "plugin")
	require.NoError(r.t, os.Mkdir(standIn, 0o700))
	r.write(filepath.Join(standIn, "package.json"), map[string]string{"name": "@opencode-ai/plugin", "version": os.Getenv("OPENCODE_VERSION")})
	cmd = exec.Command("npm", "publish", "--access", "public", "--userconfig", r.npmrc, standIn)
	cmd.Env = append(os.Environ(), "HOME="+r.t.TempDir())
	out, err = cmd.CombinedOutput()
	require.NoError(r.t, err, "%s", out)
}

func (r *registry) write(path string, v any) {
	r.t.Helper()
	content, err := json.Marshal(v)
	require.NoError(r.t, err)
	require.NoError(r.t, os.WriteFile(path, content, 0o600))
}

// usesRegistry installs the npm package for the test's user with one command, and returns the path
// of its program.
func (of machine) usesRegistry(r *registry) string {
	w := of.w
	w.t.Helper()
	content, err := os.ReadFile(r.npmrc)
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(filepath.Join(w.home, ".npmrc"), content, 0o600))
	w.command("npm", "install", "--global", "--no-audit", "--no-fund", "--no-update-notifier", "--prefix", filepath.Join(w.home, "npm"), "ocgo-key").run().ok()
	return filepath.Join(w.home, "npm/bin/ocgo-key")
}

// The npm package is also a plugin, for OpenCode 1 and 2. In an empty home, OpenCode switches from
// a limited account to the next one. Once the package is installed, OpenCode needs no registry.
func TestNpmPackageIsThePlugin(t *testing.T) {
	r := newRegistry(t)
	r.publish()
	one, two := newWorld(t), newWorld2(t)
	ask := func(w *world) string {
		c := w.command("opencode", "run", "-m", model, "say hi").run().ok()
		return c.stdout.String()
	}
	for w, install := range map[*world][]string{one: {"plugin", "ocgo-key", "--global"}, two: {"plugin", "add", "ocgo-key"}} {
		packaged := w.usesRegistry(r)
		for _, label := range []string{"Work", "Personal"} {
			w.command(packaged, "add", label, "--no-verify").reads(w.marker.Key(label) + "\n").run().ok()
		}
		w.limit("Work", 12000e9)
		w.command("opencode", install...).run().ok()
		assert.Contains(t, ask(w), "Hello from Personal.")
		assert.True(t, w.wasAsked("Work"), "the account was switched")
	}
	two.command("opencode", "service", "stop").run().ok()
	connections := r.fallsSilent()
	for _, w := range []*world{one, two} {
		assert.Contains(t, ask(w), "Hello from Personal.")
	}
	assert.Zero(t, connections(), "nothing was asked of the registry, so nothing was waited for")
}

// The program in the package and another ocgo-key on the same machine use the same accounts, also
// at the same time.
func TestNpmPackageSharesTheState(t *testing.T) {
	r := newRegistry(t)
	r.publish()
	w := newWorld(t)
	packaged := w.usesRegistry(r)
	w.add("Work")
	w.command(packaged, "add", "Personal", "--no-verify").reads(w.marker.Key("Personal") + "\n").run().ok()
	var asking sync.WaitGroup
	for _, name := range []string{packaged, "ocgo-key", packaged, "ocgo-key"} {
		asking.Go(func() {
			for range 5 {
				w.command(name, "disable", "Work").run()
				w.command(name, "enable", "Work").run()
			}
		})
	}
	asking.Go(func() {
		w.command(packaged, "add", "Spare", "--no-verify").reads(w.marker.Key("Spare") + "\n").run().ok()
	})
	asking.Wait()
	assert.Equal(t, "Work ready, Personal ready, Spare ready", w.list().states())
	// The caller is this test and not the Node.js of the command, so the account is the same.
	first := w.command("ocgo-key", "get").prints().run().ok()
	again := w.command(packaged, "get").prints().run().ok()
	assert.Equal(t, w.keysOf(first.stdout.String()), w.keysOf(again.stdout.String()))
}
