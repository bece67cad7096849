package keychain

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os/exec"
	"strings"

	"github.com/zalando/go-keyring"
)

// securityGet asks macOS' /usr/bin/security, at path, for a secret that go-keyring stored. go-keyring
// takes what security prints on stderr for a part of the secret, and MallocStackLogging in the
// environment is enough to make it print something.
func securityGet(path, service, user string) (string, error) {
	cmd := exec.Command(path, "find-generic-password", "-s", service, "-wa", user)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if strings.Contains(stderr.String(), "could not be found") {
			err = keyring.ErrNotFound
		}
		return "", err
	}
	secret := strings.TrimSpace(string(out))
	if encoded, ok := strings.CutPrefix(secret, "go-keyring-base64:"); ok {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		return string(decoded), err
	}
	if encoded, ok := strings.CutPrefix(secret, "go-keyring-encoded:"); ok { // of old versions
		decoded, err := hex.DecodeString(encoded)
		return string(decoded), err
	}
	return secret, nil
}
