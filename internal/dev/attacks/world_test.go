//go:build attacks && linux

package attacks

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// These are the ids of the two users. The machine needs no accounts for them: the kernel and the
// program use only the numbers.
const (
	victim   = 61001
	attacker = 61002
)

// If listenVariable or dialVariable is set, this test binary runs as the attacker's program: see
// TestMain.
const (
	listenVariable = "ATTACK_LISTEN"
	dialVariable   = "ATTACK_DIAL"
)

// world is a folder that both users can read. It has the victim's home and accounts, and a service.
type world struct {
	t       *testing.T
	dir     string
	program string // ocgo-key
	attack  string // a copy of this test binary that the attacker can run
	home    string
	base    string // the service's base URL
}

func newWorld(t *testing.T) *world {
	t.Helper()
	require.Zero(t, os.Geteuid(), "only root can be two other users: run `make test-attacks` as root")
	for _, name := range []string{"age-keygen", "node"} {
		_, err := exec.LookPath(name)
		require.NoError(t, err)
	}
	dir, err := os.MkdirTemp("/tmp", "ocgo-key-attacks-")
	require.NoError(t, err)
	t.Cleanup(func() { // A gateway that has just lost its client may still write its state into the folder.
		assert.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, time.Minute, 50*time.Millisecond)
	})
	require.NoError(t, os.Chmod(dir, 0o755))
	w := &world{t: t, dir: dir, program: filepath.Join(dir, "ocgo-key"), attack: filepath.Join(dir, "attack"), home: filepath.Join(dir, "home")}
	w.as(0, nil, "cp", built(t), w.program).ok()
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.attack, self, 0o755))
	w.folder(victim, "home", 0o755)

	key := "sk-attacks-" + strings.Repeat("x", 24)
	service, err := fakeservice.Start(fakeservice.Options{Accounts: []fakeservice.Account{{Key: key, Label: "Work"}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, service.Close()) })
	w.base = service.BaseURL()
	w.as(victim, nil, "age-keygen", "-o", filepath.Join(w.home, "identity")).ok()
	w.as(victim, strings.NewReader(key+"\n"), w.program, "add", "Work", "--no-verify").ok()
	return w
}

// built returns the path of the program. It builds the program once.
func built(t *testing.T) string {
	t.Helper()
	build.Do(func() {
		build.path = filepath.Join(os.TempDir(), "ocgo-key-attacks-program")
		cmd := exec.Command("go", "build", "-o", build.path, "ocgo-key")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		run(t, cmd, nil).ok()
	})
	return build.path
}

var build struct {
	sync.Once
	path string
}

// folder makes a folder of this user.
func (w *world) folder(uid int, name string, mode os.FileMode) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.MkdirAll(path, mode))
	require.NoError(w.t, os.Chmod(path, mode))
	require.NoError(w.t, os.Chown(path, uid, uid))
	return path
}

func (w *world) command(uid int, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), args[0], args[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.home, "TMPDIR=" + w.dir, "OCGO_KEY_STORE=file",
		"OCGO_KEY_IDENTITY=" + filepath.Join(w.home, "identity"), "OCGO_KEY_BASE_URL=" + w.base}
	cmd.Dir = w.dir
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	} else {
		cmd.Env, cmd.Dir = append(os.Environ(), "CGO_ENABLED=0"), ""
	}
	return cmd
}

// outcome has the output of a command and how it ended.
type outcome struct {
	t              *testing.T
	stdout, stderr string
	err            error
}

func (o outcome) ok() outcome {
	o.t.Helper()
	require.NoError(o.t, o.err, o.stderr)
	return o
}

func (w *world) as(uid int, stdin *strings.Reader, args ...string) outcome {
	w.t.Helper()
	return run(w.t, w.command(uid, args...), stdin)
}

func run(t *testing.T, cmd *exec.Cmd, stdin *strings.Reader) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if stdin != nil {
		cmd.Stdin = stdin
	}
	err := cmd.Run()
	return outcome{t, stdout.String(), stderr.String(), err}
}

// TestMain runs the tests, or one of the attacker's programs. They listen on a port or keep
// connections open.
func TestMain(m *testing.M) {
	if address := os.Getenv(listenVariable); address != "" {
		os.Exit(listen(address))
	}
	if address := os.Getenv(dialVariable); address != "" {
		os.Exit(dial(address))
	}
	code := m.Run()
	_ = os.Remove(build.path)
	os.Exit(code)
}

// listen waits up to five seconds until the port is free, listens on it, and prints everything that
// it receives. The exit code is 3 if the port did not become free.
func listen(address string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			continue
		}
		_, _ = os.Stdout.WriteString("listening\n")
		for {
			conn, err := listener.Accept()
			if err != nil {
				return 1
			}
			go func() {
				piece := make([]byte, 64<<10)
				n, _ := conn.Read(piece)
				_, _ = os.Stdout.Write(piece[:n])
				_, _ = conn.Write([]byte("HTTP/1.1 204 No Content\r\nX-Ocgo-Key-Proof: 0\r\n\r\n"))
				_ = conn.Close()
			}()
		}
	}
	return 3
}

// dial opens as many connections as it can, and keeps them open until stdin ends.
func dial(address string) int {
	var all []net.Conn
	for range 1000 {
		conn, err := net.Dial("tcp4", address)
		if err != nil {
			break
		}
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: " + address + "\r\n\r\n"))
		all = append(all, conn)
	}
	_, _ = os.Stdout.WriteString("connected\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	for _, conn := range all {
		_ = conn.Close()
	}
	return 0
}
