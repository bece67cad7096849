package keyleak_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
)

// forms returns texts with a leaked key in all its forms.
func forms(key string) map[string]string {
	return map[string]string{
		"plain":         "before " + key + " after",
		"in JSON":       `{"key":"` + key + `"}`,
		"half of it":    key[len("sk-marked-"):],
		"base64":        base64.StdEncoding.EncodeToString([]byte(key)),
		"base64 of 1+":  base64.StdEncoding.EncodeToString([]byte("x" + key)),
		"base64 of 2+":  base64.StdEncoding.EncodeToString([]byte("xy" + key)),
		"base64 in URL": base64.RawURLEncoding.EncodeToString([]byte("user:" + key + "~~")),
		"hex":           hex.EncodeToString([]byte(key)),
		"HEX":           strings.ToUpper(hex.EncodeToString([]byte(key))),
	}
}

func TestTextBites(t *testing.T) {
	c := keyleak.New()
	for name, text := range forms(c.Key("one")) {
		assert.NotEmpty(t, c.Text("here", []byte(text)), name)
	}
	assert.Empty(t, c.Text("here", []byte("nothing of it, sk-marked-other-one, "+keyleak.New().Key("one"))))
}

func TestWordsBites(t *testing.T) {
	c := keyleak.New()
	key := []byte(c.Key("one"))
	for _, trace := range []string{
		fmt.Sprintf("main.f({0x%x, 0x2})", binary.LittleEndian.Uint64(key[12:])),
		fmt.Sprintf("0x%X", binary.LittleEndian.Uint64(key[len("sk-marked-")+18:])),
		fmt.Sprintf("%x", binary.BigEndian.Uint64(key[len("sk-marked-"):])),
	} {
		assert.NotEmpty(t, c.Words("here", []byte(trace)), trace)
	}
	assert.Empty(t, c.Words("here", []byte("main.f(0xc000012345, 0x7f21e8a0b1c2)\n\t/src/f.go:12 +0x1d")))
}

func TestFilesBites(t *testing.T) {
	c := keyleak.New()
	for name, text := range forms(c.Key("one")) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a", ".hidden")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		leaks, err := c.Files(dir)
		require.NoError(t, err)
		require.Len(t, leaks, 1, name)
		assert.Equal(t, path, leaks[0].Where, name)
		assert.NotContains(t, leaks[0].String(), c.Key("one"), "a report must not be a leak itself")
	}

	t.Run("between two pieces of a large file", func(t *testing.T) {
		for _, at := range []int{1<<20 - 20, 1<<20 - 1, 1 << 20, 2<<20 - 300} {
			path := filepath.Join(t.TempDir(), "large")
			large := bytes.Repeat([]byte{0}, 3<<20)
			copy(large[at:], c.Key("one"))
			require.NoError(t, os.WriteFile(path, large, 0o600))
			leaks, err := c.Files(path)
			require.NoError(t, err)
			assert.Len(t, leaks, 1, "at %d", at)
		}
	})
	t.Run("names and links", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, c.Key("one")), 0o700))
		require.NoError(t, os.Symlink("/nowhere/"+c.Key("two"), filepath.Join(dir, "link")))
		leaks, err := c.Files(dir)
		require.NoError(t, err)
		assert.Len(t, leaks, 2)
	})
	t.Run("clean", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("nothing"), 0o600))
		leaks, err := c.Files(dir)
		require.NoError(t, err)
		assert.Empty(t, leaks)
	})
	t.Run("nowhere to look", func(t *testing.T) {
		_, err := c.Files(filepath.Join(t.TempDir(), "missing"))
		assert.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestWatchBites(t *testing.T) {
	c := keyleak.New()
	for place, child := range map[string]*exec.Cmd{
		"environ": {Env: []string{"SECRET=" + c.Key("one")}, Args: []string{"cat"}},
		"cmdline": {Env: []string{}, Args: []string{"cat", "-", c.Key("one")}},
		"hidden":  {Env: []string{"SECRET=" + base64.StdEncoding.EncodeToString([]byte(c.Key("one")))}, Args: []string{"cat"}},
		"clean":   {Env: []string{"SECRET=none"}, Args: []string{"cat"}},
	} {
		t.Run(place, func(t *testing.T) {
			var watcher keyleak.Watcher
			watch := watcher.Watch(c)
			path, err := exec.LookPath("cat")
			require.NoError(t, err)
			child.Path = path
			stdin, err := child.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, child.Start())
			watcher.Look()
			require.NoError(t, stdin.Close())
			_ = child.Wait() // cat fails because the file does not exist
			leaks, err := watch.Stop()
			require.NoError(t, err)
			if place == "clean" {
				assert.Empty(t, leaks)
				return
			}
			require.NotEmpty(t, leaks)
			assert.Contains(t, leaks[0].Where, " of cat")
			assert.NotContains(t, leaks[0].String(), c.Key("one"))
		})
	}
}

// The Watcher also searches by itself: this test does not call Look.
func TestWatchPolls(t *testing.T) {
	c := keyleak.New()
	var watcher keyleak.Watcher
	watch := watcher.Watch(c)
	child := exec.Command("sleep", "1")
	child.Env = []string{"SECRET=" + c.Key("one")}
	require.NoError(t, child.Run())
	leaks, err := watch.Stop()
	require.NoError(t, err)
	assert.NotEmpty(t, leaks)
}

// A process that was searched many times is searched again when another program replaces it, and
// when another marker is watched.
func TestWatchSeesLaterPrograms(t *testing.T) {
	first, second := keyleak.New(), keyleak.New()
	var watcher keyleak.Watcher
	watch := watcher.Watch(first)
	child := exec.Command("sh", "-c", `read -r _; LEAK="$1" exec cat`, "sh", second.Key("late"))
	child.Env = []string{"SECRET=" + first.Key("early"), "PATH=" + os.Getenv("PATH")}
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	for range 100 {
		watcher.Look()
	}
	later := watcher.Watch(second)
	watcher.Look()
	_, err = io.WriteString(stdin, "go on\ncat is here\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "cat is here\n", line)
	watcher.Look()
	leaks, err := later.Stop()
	require.NoError(t, err)
	where := ""
	for _, leak := range leaks {
		where += leak.Where + "\n"
	}
	assert.Contains(t, where, "cmdline of sh")
	assert.Contains(t, where, "environ of cat")
	require.NoError(t, stdin.Close())
	require.NoError(t, child.Wait())
	leaks, err = watch.Stop()
	require.NoError(t, err)
	assert.NotEmpty(t, leaks)
}
