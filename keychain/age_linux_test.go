//go:build !check

package keychain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

// The store works with files of the real age. age creates the identity, reads the store's file, and
// writes a file that the store reads.
func TestFileAndTheRealAge(t *testing.T) {
	age, keygen := tool(t, "age", "age"), tool(t, "age-keygen", "age")
	dir := t.TempDir()
	identity, keys := filepath.Join(t.TempDir(), "identity.txt"), filepath.Join(dir, "keys.age")
	run := func(stdin string, argv ...string) []byte {
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		require.NoError(t, err, "%v", argv)
		return out
	}
	run("", keygen, "-o", identity)
	s := inFolder(dir, identity)
	set(t, s, "a", marker)
	set(t, s, "ü", "k<&>\"\\")
	var plain struct {
		Version int
		Keys    map[string]string
	}
	require.NoError(t, json.Unmarshal(run("", age, "-d", "-i", identity, keys), &plain))
	assert.Equal(t, 1, plain.Version)
	assert.Equal(t, map[string]string{"a": marker, "ü": "k<&>\"\\"}, plain.Keys)

	for _, armor := range [][]string{nil, {"-a"}} {
		text := fmt.Sprintf(`{"keys":{"a":"other%d"},"version":1}`, len(armor))
		run(text, append([]string{age, "-e", "-i", identity, "-o", keys}, armor...)...)
		require.NoError(t, os.Chmod(keys, 0o600))
		holds(t, s, "a", fmt.Sprintf("other%d", len(armor)))
	}
}

// The store opens an identity that the real age encrypted with a passphrase.
func TestFileIdentityThatTheRealAgeWrapped(t *testing.T) {
	age, keygen := tool(t, "age", "age"), tool(t, "age-keygen", "age")
	dir := t.TempDir()
	plain, wrapped := filepath.Join(dir, "plain"), filepath.Join(dir, "wrapped")
	require.NoError(t, exec.CommandContext(t.Context(), keygen, "-o", plain).Run())
	const passphrase = "correct horse"
	cmd := exec.CommandContext(t.Context(), age, "-p", "-a", "-o", wrapped, plain) // age asks for the passphrase on its terminal
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	defer func() { _ = terminal.Close() }()
	shown, typed := "", 0
	for piece := make([]byte, 1024); ; {
		n, err := terminal.Read(piece) // fails after the command has ended
		shown += string(piece[:n])
		if err != nil {
			break
		}
		if strings.Count(shown, "passphrase") > typed && strings.HasSuffix(strings.TrimSpace(shown), ":") {
			typed++
			_, err := io.WriteString(terminal, passphrase+"\n")
			require.NoError(t, err)
		}
	}
	require.NoError(t, cmd.Wait(), shown)
	require.NoError(t, os.Chmod(wrapped, 0o600))
	s := keychain.NewFile(keychain.FileConfig{Dir: dir, Identity: wrapped, AskPassphrase: func(context.Context, string) ([]byte, error) { return []byte(passphrase), nil }})
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	require.NoError(t, s.Set(ctx, "id", keychain.NewSecret("value")))
	holds(t, inFolder(dir, plain), "id", "value")
}

func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "install the Debian package %s", debian)
	return path
}
