package keychain

import (
	"slices"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// quickGet reads what keyring.Get would, with what an unlocked keyring needs to be asked: which keyrings there are;
// a session and the item, both at once; the secret. keyring.Get asks seven things one after the other. ok is false
// where anything at all is otherwise (a lock, an error, nothing found): then keyring.Get has the question to the user,
// and the last word.
//
// The first answer is waited for before a session is asked for. gnome-keyring (42.1 to 48) gets to know a client when
// its first call comes in, in another thread than the one that answers, and ends with a fatal error where a session is
// opened before that.
func quickGet(service, user string) (value string, ok bool) {
	conn, err := dbus.SessionBus()
	if err != nil {
		return "", false
	}
	ask := func(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
		return conn.Object(secretsName, path).Go(method, 0, make(chan *dbus.Call, 1), args...)
	}
	var rings dbus.Variant
	if (<-ask(secretsPath, getProperty, serviceFace, "Collections").Done).Store(&rings) != nil {
		return "", false
	}
	all, ok := rings.Value().([]dbus.ObjectPath)
	if !ok {
		return "", false
	}
	opened := ask(secretsPath, serviceFace+".OpenSession", "plain", dbus.MakeVariant(""))
	found := ask(usedRing(all), collectionFace+".SearchItems", map[string]string{"username": user, "service": service})

	var nothing dbus.Variant
	var session dbus.ObjectPath
	if (<-opened.Done).Store(&nothing, &session) != nil || !session.IsValid() {
		return "", false
	}
	// Nobody waits for its end.
	defer conn.Object(secretsName, session).Go("org.freedesktop.Secret.Session.Close", dbus.FlagNoReplyExpected, nil)
	var items []dbus.ObjectPath
	if (<-found.Done).Store(&items) != nil || len(items) == 0 || !items[0].IsValid() {
		return "", false
	}
	var secret ss.Secret
	if (<-ask(items[0], "org.freedesktop.Secret.Item.GetSecret", session).Done).Store(&secret) != nil {
		return "", false
	}
	return string(secret.Value), true
}

// usedRing is the keyring that go-keyring uses, of those that there are: "login", else the default one.
func usedRing(all []dbus.ObjectPath) dbus.ObjectPath {
	if slices.Contains(all, loginRing) {
		return loginRing
	}
	return defaultAlias
}
