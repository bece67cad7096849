package keychain

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
	ss "github.com/zalando/go-keyring/secret_service"
)

// secretService is go-keyring, extended to all keyrings. go-keyring uses a single keyring: "login"
// if it exists, or else the default keyring. So it does not find a key that was stored before
// "login" was created.
type secretService struct{}

func systemBackend() backend { return secretService{} }

func (secretService) Get(_ context.Context, service, user string) (string, error) {
	if value, ok := getUnlocked(service, user); ok {
		return value, nil
	}
	if items := findItems(service, user); items.onlyElsewhere() {
		return items.read()
	}
	return keyring.Get(service, user)
}

// Set stores the key with go-keyring, and deletes the account's items in other keyrings, except in
// locked ones. Get no longer reads the items in locked keyrings, so Set does not prompt the user
// for them. Delete does.
func (secretService) Set(_ context.Context, service, user, pw string) error {
	if err := keyring.Set(service, user, pw); err != nil {
		return err
	}
	items := findItems(service, user)
	for _, item := range items.unlocked {
		_ = items.service.Delete(item) // an error does no harm: Get finds the new key first
	}
	return nil
}

func (secretService) Delete(_ context.Context, service, user string) error {
	if items := findItems(service, user); items.onlyElsewhere() {
		return items.delete()
	}
	return keyring.Delete(service, user)
}

// accountItems are the items of an account in all keyrings.
type accountItems struct {
	service          *ss.SecretService
	unlocked, locked []dbus.ObjectPath // in other keyrings than the one that go-keyring uses
	inUsedKeyring    bool              // the keyring that go-keyring uses has an item too
}

// onlyElsewhere reports whether there are items, but none in the keyring that go-keyring uses.
func (a accountItems) onlyElsewhere() bool {
	return !a.inUsedKeyring && len(a.unlocked)+len(a.locked) > 0
}

// findItems searches all keyrings without prompting the user. If the service does not answer,
// findItems returns no items; then the caller uses go-keyring, which may prompt the user.
func findItems(service, user string) accountItems {
	svc, err := ss.NewSecretService()
	if err != nil {
		return accountItems{}
	}
	query := func(result any, method string, args ...any) error {
		return svc.Object(secretsName, secretsPath).Call(method, 0, args...).Store(result)
	}
	var collections dbus.Variant
	if query(&collections, getProperty, serviceInterface, "Collections") != nil {
		return accountItems{}
	}
	keyrings, _ := collections.Value().([]dbus.ObjectPath)
	used := usedKeyring(keyrings)
	if used == defaultAlias && query(&used, serviceInterface+".ReadAlias", "default") != nil {
		return accountItems{}
	}
	var unlocked, locked []dbus.ObjectPath
	search := map[string]string{"username": user, "service": service}
	if svc.Object(secretsName, secretsPath).Call(serviceInterface+".SearchItems", 0, search).Store(&unlocked, &locked) != nil {
		return accountItems{}
	}
	inUsed := func(item dbus.ObjectPath) bool { return keyringOf(item) == used }
	notElsewhere := func(item dbus.ObjectPath) bool {
		return inUsed(item) || !slices.Contains(keyrings, keyringOf(item))
	}
	return accountItems{
		service:       svc,
		inUsedKeyring: slices.ContainsFunc(unlocked, inUsed) || slices.ContainsFunc(locked, inUsed),
		unlocked:      slices.DeleteFunc(slices.Clone(unlocked), notElsewhere),
		locked:        slices.DeleteFunc(slices.Clone(locked), notElsewhere),
	}
}

// keyringOf returns the path of the keyring that an item is in.
func keyringOf(item dbus.ObjectPath) dbus.ObjectPath {
	return item[:max(0, strings.LastIndexByte(string(item), '/'))]
}

// read returns the secret of the newest unlocked item. If all items are locked, the keychain
// prompts the user for the password of one.
func (a accountItems) read() (string, error) {
	items := a.unlocked
	if len(items) == 0 {
		if err := a.unlock(a.locked[0]); err != nil {
			return "", err
		}
		items = a.locked[:1]
	}
	session, err := a.service.OpenSession()
	if err != nil {
		return "", err
	}
	defer func() { _ = a.service.Close(session) }()
	secret, err := a.service.GetSecret(slices.MaxFunc(items, a.compareModified), session.Path())
	if err != nil {
		return "", err
	}
	return string(secret.Value), nil
}

// delete deletes all items. The keychain prompts the user for the passwords of locked keyrings.
func (a accountItems) delete() error {
	for _, item := range a.locked {
		if err := a.unlock(item); err != nil {
			return err
		}
	}
	for _, item := range slices.Concat(a.unlocked, a.locked) {
		if err := a.service.Delete(item); err != nil {
			return err
		}
	}
	return nil
}

// compareModified orders two items by the time of their last change, oldest first.
func (a accountItems) compareModified(x, y dbus.ObjectPath) int {
	modified := func(item dbus.ObjectPath) (seconds uint64) {
		_ = a.service.Object(secretsName, item).StoreProperty(itemInterface+".Modified", &seconds)
		return seconds
	}
	return cmp.Compare(modified(x), modified(y))
}

func (a accountItems) unlock(item dbus.ObjectPath) error {
	err := a.service.Unlock(item)
	if err != nil && strings.HasPrefix(err.Error(), unlockFailed) {
		return namedKeyringLocked(keyringLabel(a.service.Conn, keyringOf(item)), "the key")
	}
	return err
}

// namedKeyringLocked returns the error for a locked keyring that go-keyring does not use. contents
// says what the keyring has, such as "the key".
func namedKeyringLocked(label, contents string) *Error {
	return &Error{
		Kind: Locked,
		Err:  fmt.Errorf("the keyring %q, which has %s, is locked", label, contents),
		Hint: fmt.Sprintf("unlock the keyring %q in Passwords and Keys (seahorse), and try again; if its password is lost, delete that keyring", label),
		Fix:  unlockKeyrings,
	}
}

// maxKeyringLabel is how many bytes of a keyring's name are shown at most.
const maxKeyringLabel = 60

// keyringLabel returns the name of a keyring, or the last part of its path if it has no name. The
// name is untrusted: any program can set it.
func keyringLabel(conn *dbus.Conn, keyring dbus.ObjectPath) string {
	var label string
	if err := conn.Object(secretsName, keyring).StoreProperty(collectionInterface+".Label", &label); err != nil || label == "" {
		label = string(keyring[strings.LastIndexByte(string(keyring), '/')+1:])
	}
	if len(label) > maxKeyringLabel {
		label = strings.ToValidUTF8(label[:maxKeyringLabel], "") + "…"
	}
	return label
}
