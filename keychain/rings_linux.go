package keychain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
	ss "github.com/zalando/go-keyring/secret_service"
)

// secretService is go-keyring, and beside the one keyring that go-keyring uses all others as well.
// It uses "login" where there is one, else the default one: a key that was stored before "login"
// was made is in another from then on.
type secretService struct{}

func systemBackend() backend { return secretService{} }

func (secretService) Get(service, user string) (string, error) {
	if value, ok := quickGet(service, user); ok {
		return value, nil
	}
	if items := strays(service, user); items.astray() {
		return items.read()
	}
	return keyring.Get(service, user)
}

// Set stores the key where go-keyring does, and deletes what other keyrings have of the account. A
// copy in a locked one stays: no question comes up for a key that nothing reads any more, and
// Delete asks for it.
func (secretService) Set(service, user, pw string) error {
	if err := keyring.Set(service, user, pw); err != nil {
		return err
	}
	items := strays(service, user)
	for _, item := range items.open {
		_ = items.service.Delete(item) // the new key is stored, and found first
	}
	return nil
}

func (secretService) Delete(service, user string) error {
	if items := strays(service, user); items.astray() {
		return items.delete()
	}
	return keyring.Delete(service, user)
}

// A straying is what keyrings have of an account.
type straying struct {
	service      *ss.SecretService
	open, locked []dbus.ObjectPath // items in other keyrings than the one that go-keyring uses
	home         bool              // that one has an item as well
}

// astray reports whether all items are in other keyrings.
func (s straying) astray() bool { return !s.home && len(s.open)+len(s.locked) > 0 }

// strays searches all keyrings, without a question to the user. It is empty where the service does
// not tell: then go-keyring has the question to the user, and the last word.
func strays(service, user string) (found straying) {
	svc, err := ss.NewSecretService()
	if err != nil {
		return straying{}
	}
	ask := func(result any, method string, args ...any) error {
		return svc.Object(secretsName, secretsPath).Call(method, 0, args...).Store(result)
	}
	var rings dbus.Variant
	if ask(&rings, getProperty, serviceFace, "Collections") != nil {
		return straying{}
	}
	all, _ := rings.Value().([]dbus.ObjectPath)
	used := usedRing(all)
	if used == defaultAlias && ask(&used, serviceFace+".ReadAlias", "default") != nil {
		return straying{}
	}
	var open, locked []dbus.ObjectPath
	search := map[string]string{"username": user, "service": service}
	if svc.Object(secretsName, secretsPath).Call(serviceFace+".SearchItems", 0, search).Store(&open, &locked) != nil {
		return straying{}
	}
	elsewhere := func(item dbus.ObjectPath) bool {
		ring := ringOf(item)
		return ring != used && slices.Contains(all, ring)
	}
	found = straying{service: svc}
	for _, item := range append(slices.Clone(open), locked...) {
		found.home = found.home || ringOf(item) == used
	}
	found.open = slices.DeleteFunc(open, func(item dbus.ObjectPath) bool { return !elsewhere(item) })
	found.locked = slices.DeleteFunc(locked, func(item dbus.ObjectPath) bool { return !elsewhere(item) })
	return found
}

// ringOf is the path of the keyring that an item is in.
func ringOf(item dbus.ObjectPath) dbus.ObjectPath {
	return item[:max(0, strings.LastIndexByte(string(item), '/'))]
}

// read reads the newest item that is open. If all are locked, the user is asked for the password of
// one.
func (s straying) read() (string, error) {
	items := s.open
	if len(items) == 0 {
		if err := s.unlock(s.locked[0]); err != nil {
			return "", err
		}
		items = s.locked[:1]
	}
	session, err := s.service.OpenSession()
	if err != nil {
		return "", err
	}
	defer func() { _ = s.service.Close(session) }()
	secret, err := s.service.GetSecret(slices.MaxFunc(items, s.byAge), session.Path())
	if err != nil {
		return "", err
	}
	return string(secret.Value), nil
}

func (s straying) delete() error {
	for _, item := range s.locked {
		if err := s.unlock(item); err != nil {
			return err
		}
	}
	for _, item := range append(slices.Clone(s.open), s.locked...) {
		if err := s.service.Delete(item); err != nil {
			return err
		}
	}
	return nil
}

// byAge puts the item that was changed last at the end.
func (s straying) byAge(a, b dbus.ObjectPath) int {
	changed := func(item dbus.ObjectPath) (seconds uint64) {
		_ = s.service.Object(secretsName, item).StoreProperty("org.freedesktop.Secret.Item.Modified", &seconds)
		return seconds
	}
	return cmp.Compare(changed(a), changed(b))
}

func (s straying) unlock(item dbus.ObjectPath) error {
	err := s.service.Unlock(item)
	if err != nil && strings.HasPrefix(err.Error(), failedUnlock) {
		return lockedIn(ringLabel(s.service.Conn, ringOf(item)))
	}
	return err
}

// lockedIn is the error for a key in a keyring that is not the one that go-keyring uses, and stayed
// locked. It is what the keyring is called.
type lockedIn string

func (l lockedIn) Error() string { return "locked" }

// failure says what the keyring has: "it", a key that was asked for.
func (l lockedIn) failure(has string) *failure {
	f := *lockedRing
	f.msg = fmt.Sprintf("the keyring %q, which has %s, is locked", string(l), has)
	f.hint = fmt.Sprintf("unlock the keyring %q in Passwords and Keys (seahorse), and try again; if its password is lost, delete that keyring there", string(l))
	f.mend = unlockOurs
	return &f
}

// maxRingLabel bounds what is shown of a keyring's name, in bytes.
const maxRingLabel = 60

// ringLabel is what a keyring is called, or the last part of its path. Anybody may have named it.
func ringLabel(conn *dbus.Conn, ring dbus.ObjectPath) string {
	var label string
	if err := conn.Object(secretsName, ring).StoreProperty(collectionFace+".Label", &label); err != nil || label == "" {
		label = string(ring[strings.LastIndexByte(string(ring), '/')+1:])
	}
	if len(label) > maxRingLabel {
		label = strings.ToValidUTF8(label[:maxRingLabel], "") + "…"
	}
	return label
}
