//go:build realkeychain

package realkeychain

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

func TestRealKeychainConforms(t *testing.T) {
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewOS() })
}

func TestRealKeychainFromAddToRemove(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ocgo-key")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", program, filepath.Join("..", "..", "..", "..")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	stateDir := t.TempDir()
	key := "sk-marked-" + rand.Text()
	ocgo := func(stdin string, args ...string) (stdout, stderr string, code int) {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "OCGO_KEY_STATE_DIR="+stateDir)
		cmd.Stdin = strings.NewReader(stdin)
		var o, e bytes.Buffer
		cmd.Stdout, cmd.Stderr = &o, &e
		if err := cmd.Run(); err != nil {
			require.ErrorAs(t, err, new(*exec.ExitError))
		}
		assert.NotContains(t, e.String(), key)
		return o.String(), e.String(), cmd.ProcessState.ExitCode()
	}
	pid := strconv.Itoa(os.Getpid())

	_, said, code := ocgo(key+"\n", "add", "Work", "--no-verify")
	require.Zero(t, code, said)
	t.Cleanup(func() { ocgo("", "remove", "Work", "--yes") })
	got, said, code := ocgo("", "get", "--pid", pid)
	assert.Zero(t, code, said)
	assert.Equal(t, key+"\n", got)
	listed, said, code := ocgo("", "list")
	assert.Zero(t, code, said)
	assert.Contains(t, listed, "Work")
	assert.NotContains(t, listed, key)
	require.NoError(t, filepath.WalkDir(stateDir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		assert.NotContains(t, string(text), key, path)
		return err
	}))

	_, said, code = ocgo("", "remove", "Work", "--yes")
	require.Zero(t, code, said)
	got, _, code = ocgo("", "get", "--pid", pid)
	assert.Equal(t, 3, code, "there is no account any more")
	assert.Empty(t, got)
}
