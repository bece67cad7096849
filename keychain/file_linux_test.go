package keychain_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ocgo-key/keychain"
)

// hammer stores keys until it is killed, and prints the id of each stored key.
func hammer(store keychain.Store, name string) int {
	for i := 0; ; i++ {
		id := name + "-" + strconv.Itoa(i)
		if err := store.Set(context.Background(), id, keychain.NewSecret("key of "+id)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(id)
	}
}

// fileChild returns a command that runs a job on the file store in this binary. files become its
// descriptors from 3 on.
func fileChild(t *testing.T, j job, files ...*os.File) *exec.Cmd {
	t.Helper()
	if j.Budget == 0 {
		j.Budget = 20 * time.Second
	}
	text, err := json.Marshal(j)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = files
	return cmd
}

// In each round, two writers are killed during writes. The file stays readable, and has every key
// that a writer reported as stored.
func TestFileWritersAreKilled(t *testing.T) {
	dir, identity := t.TempDir(), newIdentity(t)
	s := inFolder(dir, identity)
	stored := map[string]bool{}
	for round := range 25 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			cmd := fileChild(t, job{Op: "hammer", ID: fmt.Sprintf("%s%d", name, round), Dir: dir, Identity: identity})
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			wg.Go(func() {
				lines := bufio.NewScanner(out)
				for said := 0; lines.Scan(); said++ {
					mu.Lock()
					stored[lines.Text()] = true
					mu.Unlock()
					if said == round%4 { // the kill hits a random point of the next write
						assert.NoError(t, cmd.Process.Kill())
					}
				}
				assert.Error(t, cmd.Wait(), "it was killed")
			})
		}
		wg.Wait()
		seen, err := s.(keychain.Inspector).Inspect(t.Context())
		require.NoError(t, err)
		for id := range stored {
			assert.Contains(t, seen.IDs, id)
		}
	}
	assert.GreaterOrEqual(t, len(stored), 100)
	for id := range stored {
		holds(t, s, id, "key of "+id)
	}
	set(t, s, "last", "value")
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	assert.Empty(t, left, "a later writer must remove the temporary files of killed writers")
}

// The descriptor of an identity can be a pipe or a file. The file may already have been read by
// another process.
func TestFileIdentityOnADescriptor(t *testing.T) {
	dir, identity := t.TempDir(), newIdentity(t)
	set(t, inFolder(dir, identity), "id", "value")
	text, err := os.ReadFile(identity)
	require.NoError(t, err)
	get := func(t *testing.T, name string, files ...*os.File) report {
		cmd := fileChild(t, job{Op: "get", ID: "id", Dir: dir, Identity: name}, files...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		require.NoError(t, err)
		var r report
		require.NoError(t, json.Unmarshal(out, &r), "%s", out)
		return r
	}
	t.Run("file", func(t *testing.T) {
		file, err := os.Open(identity)
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		for _, name := range []string{"fd:3", "/dev/fd/3", "fd:3"} {
			_, err := file.Seek(0, io.SeekEnd)
			require.NoError(t, err)
			r := get(t, name, file)
			assert.Equal(t, "value", r.Value, r.Message)
		}
	})
	t.Run("file open to the world", func(t *testing.T) {
		open := filepath.Join(t.TempDir(), "open")
		require.NoError(t, os.WriteFile(open, text, 0o644))
		file, err := os.Open(open)
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		r := get(t, "fd:3", file)
		assert.Equal(t, keychain.Refused, r.Kind, r.Message)
	})
	t.Run("pipe", func(t *testing.T) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		_, err = w.Write(text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		defer func() { _ = r.Close() }()
		got := get(t, "fd:3", r)
		assert.Equal(t, "value", got.Value, got.Message)
	})
	t.Run("a pipe that stays open", func(t *testing.T) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer func() { _, _ = w.Close(), r.Close() }()
		cmd := fileChild(t, job{Op: "get", ID: "id", Budget: shortly, Dir: dir, Identity: "fd:3"}, r)
		out, err := cmd.Output()
		require.NoError(t, err)
		var got report
		require.NoError(t, json.Unmarshal(out, &got), "%s", out)
		assert.Equal(t, keychain.Timeout, got.Kind, got.Message)
		assert.Contains(t, got.Message, "no identity was received from fd:3")
	})
	// The Go runtime uses low file descriptors. The store must neither read nor close them.
	t.Run("not handed over", func(t *testing.T) {
		for n := 3; n < 12; n++ {
			unix.CloseOnExec(n) // the parent of the tests may have left it open
			r := get(t, "fd:"+strconv.Itoa(n))
			assert.Equal(t, keychain.Locked, r.Kind, "%d: %s", n, r.Message)
		}
	})
}

func BenchmarkFile(b *testing.B) {
	dir := b.TempDir()
	identity := filepath.Join(dir, "identity")
	require.NoError(b, exec.CommandContext(b.Context(), "age-keygen", "-o", identity).Run())
	store := inFolder(dir, identity)
	require.NoError(b, store.Set(b.Context(), "bench", keychain.NewSecret("value")))
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.Get(b.Context(), "bench"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("set", func(b *testing.B) {
		for b.Loop() {
			if err := store.Set(b.Context(), "bench", keychain.NewSecret("value")); err != nil {
				b.Fatal(err)
			}
		}
	})
}
