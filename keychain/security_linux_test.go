package keychain

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"
)

// What macOS' security prints on stderr is no part of a key.
func TestNoiseOfSecurityIsNoKey(t *testing.T) {
	const noise = "echo 'security(123) MallocStackLogging: could not tag MSL-related memory' >&2\n"
	encoded := base64.StdEncoding.EncodeToString([]byte("sk-one"))
	for script, want := range map[string]string{
		"echo go-keyring-base64:" + encoded: "sk-one", "echo sk-one": "sk-one", "echo go-keyring-encoded:736b2d6f6e65": "sk-one",
	} {
		got, err := securityGet(program(t, noise+script), "ocgo-key", "id")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := securityGet(program(t, noise+"echo 'The specified item could not be found in the keychain.' >&2; exit 44"), "ocgo-key", "id")
	require.ErrorIs(t, err, keyring.ErrNotFound)
	_, err = securityGet(program(t, noise+"exit 36"), "ocgo-key", "id")
	require.Error(t, err)
	assert.NotErrorIs(t, err, keyring.ErrNotFound)
}

func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "security")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	return path
}
