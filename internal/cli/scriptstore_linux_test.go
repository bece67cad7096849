package cli_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"ocgo-key/keychain/keychaintest"
)

// sealed IDENTITY NAME... requires that the file store, decrypted by the real age, holds these
// keys; with ! none of them.
func sealed(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] sealed IDENTITY NAME...")
	}
	plain, err := exec.Command("age", "-d", "-i", ts.MkAbs(args[0]), ts.MkAbs("state/keys.age")).Output()
	ts.Check(err)
	s := scriptOf(ts)
	for _, name := range args[1:] {
		if holds := bytes.Contains(plain, []byte(`: "`+s.marker.Key(name)+`"`)); holds == neg {
			ts.Fatalf("key %s in the file: %v", name, holds)
		}
	}
}

// wrap IDENTITY PASSPHRASE FILE encrypts an identity as `age -p` does, but with less work for the
// CPU.
func wrap(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: wrap IDENTITY PASSPHRASE FILE")
	}
	recipient, err := age.NewScryptRecipient(args[1])
	ts.Check(err)
	recipient.SetWorkFactor(10)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipient)
	ts.Check(err)
	_, err = w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out.Bytes(), 0o600))
}

// passwords gives the script a real `pass` with a new store, for docker-credential-pass.
func passwords(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: passwords")
	}
	bin := ts.Getenv("BIN")
	s, stop, err := keychaintest.NewPasswordStore(bin)
	ts.Check(err)
	ts.Defer(func() { ts.Check(stop()) })
	for _, pair := range s.Env() {
		name, value, _ := strings.Cut(pair, "=")
		ts.Setenv(name, value)
	}
	programs := filepath.Join(s.Dir, "bin")
	ts.Check(os.Mkdir(programs, 0o700))
	for _, name := range []string{"ocgo-key", "ask"} {
		ts.Check(os.Symlink(filepath.Join(bin, name), filepath.Join(programs, name)))
	}
	ts.Setenv("PATH", programs+string(filepath.ListSeparator)+ts.Getenv("PATH"))
}

// passed NAME... requires that the password store holds these keys, one entry each; with ! none of
// them.
func passed(ts *testscript.TestScript, neg bool, args []string) {
	store := ts.Getenv("PASSWORD_STORE_DIR")
	var plain bytes.Buffer
	ts.Check(filepath.WalkDir(store, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".gpg" {
			return err
		}
		cmd := exec.Command("gpg", "--batch", "--quiet", "--decrypt", path)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+ts.Getenv("GNUPGHOME"))
		out, err := cmd.Output()
		plain.Write(append(out, '\n'))
		return err
	}))
	s := scriptOf(ts)
	for _, name := range args {
		n := bytes.Count(plain.Bytes(), []byte(s.marker.Key(name)+"\n"))
		if neg && n != 0 || !neg && n != 1 {
			ts.Fatalf("key %s is in the password store %d times", name, n)
		}
	}
}
