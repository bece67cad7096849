package keychain

import (
	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// quickGet reads what keyring.Get would, with what an unlocked keychain needs to be asked: a session and the item,
// both at once, then the secret. keyring.Get asks seven things one after the other. ok is false where anything at all
// is otherwise (another keyring than "login", a lock, an error): then keyring.Get has the question to the user, and
// the last word.
func quickGet(service, user string) (value string, ok bool) {
	conn, err := dbus.SessionBus()
	if err != nil {
		return "", false
	}
	ask := func(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
		return conn.Object(secretsName, path).Go(method, 0, make(chan *dbus.Call, 1), args...)
	}
	opened := ask(secretsPath, "org.freedesktop.Secret.Service.OpenSession", "plain", dbus.MakeVariant(""))
	found := ask(loginRing, collectionFace+".SearchItems", map[string]string{"username": user, "service": service})

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
