package cli_test

import (
	"github.com/godbus/dbus/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"ocgo-key/keychain/keychaintest"
)

// keyringCommand make|lock|unlock NAME changes one keyring of the service that `keychain own` started.
func keyringCommand(ts *testscript.TestScript, neg bool, args []string) {
	paths := map[string]dbus.ObjectPath{
		keychaintest.LoginKeyring:   keychaintest.SecretsPath + "/collection/login",
		keychaintest.DefaultKeyring: keychaintest.SecretsPath + "/collection/Default_5fkeyring",
	}
	if neg || len(args) != 2 || paths[args[1]] == "" {
		ts.Fatalf("usage: keyring make|lock|unlock NAME")
	}
	d, path := scriptOf(ts).daemon, paths[args[1]]
	switch args[0] {
	case "make":
		made, err := d.CreateKeyring(args[1])
		ts.Check(err)
		if made != path {
			ts.Fatalf("the keyring is at %s", made)
		}
	case "lock":
		ts.Check(d.LockKeyring(path))
	case "unlock":
		ts.Check(d.UnlockKeyring(path))
	default:
		ts.Fatalf("usage: keyring make|lock|unlock NAME")
	}
}
