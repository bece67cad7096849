package keychaintest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A PasswordStore is a store of `pass` with its own gpg key, in a scratch folder, for
// docker-credential-pass.
type PasswordStore struct {
	// Dir is the scratch folder. The encrypted entries are in its folder "store".
	Dir string

	path string // the value of PATH for pass
}

// pinentry answers gpg-agent's request for the passphrase with the content of the file pinentry.pin
// next to it. If that file is missing, it cancels the request.
const pinentry = `#!/bin/sh
echo OK
while read -r line; do
	case $line in
	GETPIN*)
		if [ -e "$0.pin" ]; then echo "D $(cat "$0.pin")" && echo OK
		else echo 'ERR 83886179 Operation cancelled <Pinentry>'; fi ;;
	BYE*) echo OK && exit ;;
	*) echo OK ;;
	esac
done
`

// s2k-count is the cost of hashing a passphrase; this is the minimum of gpg-agent. With the
// default, each use of the key would take 0.1 s.
const agentConfig = "pinentry-program %s\ns2k-count 65536\n"

// StartPasswordStore creates an unlocked PasswordStore for the duration of the test. If that fails,
// the test fails.
func StartPasswordStore(t testing.TB) *PasswordStore {
	t.Helper()
	s, stop, err := NewPasswordStore()
	if err != nil {
		t.Fatalf("password store: %v", err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("password store: %v", err)
		}
	})
	return s
}

// NewPasswordStore is like StartPasswordStore, without a test: the caller must call stop. It
// ignores programs in the folders without, since they may be other programs with the same names.
func NewPasswordStore(without ...string) (s *PasswordStore, stop func() error, err error) {
	dirs := slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool { return slices.Contains(without, dir) })
	for _, p := range []struct{ name, debian string }{
		{"pass", "pass"}, {"gpg", "gnupg"}, {"docker-credential-pass", "golang-docker-credential-helpers"},
	} {
		if !slices.ContainsFunc(dirs, func(dir string) bool { _, err := exec.LookPath(filepath.Join(dir, p.name)); return err == nil }) {
			return nil, nil, fmt.Errorf("%s is missing: install the Debian package %s", p.name, p.debian)
		}
	}
	dir, err := scratch() // gpg-agent's socket is in it
	if err != nil {
		return nil, nil, err
	}
	s = &PasswordStore{Dir: dir, path: strings.Join(dirs, string(filepath.ListSeparator))}
	if err := s.set(); err != nil {
		return nil, nil, errors.Join(err, s.stop())
	}
	return s, s.stop, nil
}

func (s *PasswordStore) at(name string) string { return filepath.Join(s.Dir, name) }

func (s *PasswordStore) set() error {
	const user = "Scratch <scratch@ocgo-key.invalid>"
	return errors.Join(
		os.Mkdir(s.at("gnupg"), 0o700),
		os.WriteFile(s.at("pinentry"), []byte(pinentry), 0o700),
		os.WriteFile(s.at("pinentry.pin"), []byte(password), 0o600),
		os.WriteFile(s.at("gnupg/gpg-agent.conf"), fmt.Appendf(nil, agentConfig, s.at("pinentry")), 0o600),
		s.run("gpg", "--batch", "--quiet", "--quick-gen-key", user, "future-default", "default", "never"),
		s.run("pass", "init", user),
	)
}

// Env returns the environment variables that a client of the store needs.
func (s *PasswordStore) Env() []string {
	return []string{
		"GNUPGHOME=" + s.at("gnupg"),
		"PASSWORD_STORE_DIR=" + s.at("store"),
		"PATH=" + s.path,
	}
}

// Lock makes gpg-agent forget the passphrase, and cancels each later request for it.
func (s *PasswordStore) Lock() error {
	return errors.Join(os.Remove(s.at("pinentry.pin")), s.run("gpgconf", "--reload", "gpg-agent"))
}

func (s *PasswordStore) stop() error {
	return errors.Join(s.run("gpgconf", "--kill", "gpg-agent"), os.RemoveAll(s.Dir))
}

func (s *PasswordStore) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startBudget)
	defer cancel()
	cmd := exec.CommandContext(ctx, "env", append([]string{name}, args...)...) // env searches the PATH that is set below
	cmd.Dir = s.Dir
	cmd.Env = append([]string{"LC_ALL=C.UTF-8", "HOME=" + s.at("home")}, s.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
