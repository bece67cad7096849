package keychain

import (
	"slices"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// getUnlocked reads the same key as keyring.Get from an unlocked keyring, but faster. It waits
// three times: for the list of keyrings; for a session and the item; for the secret. keyring.Get
// makes seven calls in sequence. ok is false in every other case (a locked keyring, an error, no
// item). Then the caller uses keyring.Get, which may prompt the user. The session is opened only
// after the first answer: gnome-keyring (42.1 to 48) registers a client at its first call, in a
// separate thread, and crashes if the client opens a session before that.
func getUnlocked(service, user string) (value string, ok bool) {
	conn, err := dbus.SessionBus()
	if err != nil {
		return "", false
	}
	send := func(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
		return conn.Object(secretsName, path).Go(method, 0, make(chan *dbus.Call, 1), args...)
	}
	var collections dbus.Variant
	if (<-send(secretsPath, getProperty, serviceInterface, "Collections").Done).Store(&collections) != nil {
		return "", false
	}
	keyrings, ok := collections.Value().([]dbus.ObjectPath)
	if !ok {
		return "", false
	}
	opened := send(secretsPath, serviceInterface+".OpenSession", "plain", dbus.MakeVariant(""))
	found := send(usedKeyring(keyrings), collectionInterface+".SearchItems", map[string]string{"username": user, "service": service})

	var nothing dbus.Variant
	var session dbus.ObjectPath
	if (<-opened.Done).Store(&nothing, &session) != nil || !session.IsValid() {
		return "", false
	}
	defer conn.Object(secretsName, session).Go("org.freedesktop.Secret.Session.Close", dbus.FlagNoReplyExpected, nil)
	var items []dbus.ObjectPath
	if (<-found.Done).Store(&items) != nil || len(items) == 0 || !items[0].IsValid() {
		return "", false
	}
	var secret ss.Secret
	if (<-send(items[0], itemInterface+".GetSecret", session).Done).Store(&secret) != nil {
		return "", false
	}
	return string(secret.Value), true
}

// usedKeyring returns the keyring that go-keyring uses: "login" if it exists, or else the default
// keyring.
func usedKeyring(all []dbus.ObjectPath) dbus.ObjectPath {
	if slices.Contains(all, loginKeyring) {
		return loginKeyring
	}
	return defaultAlias
}
