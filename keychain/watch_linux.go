package keychain

import (
	"context"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// lostAfter is how long a call may take before anyone looks whether the service
// is still there: a healthy one has answered long ago.
const lostAfter = 300 * time.Millisecond

const (
	busFace      = "org.freedesktop.DBus"
	ownerChanged = "NameOwnerChanged"
)

// watch waits for the end of the keychain service. It has a connection of its
// own, since the one of the call is go-keyring's.
func watch(ctx context.Context, seen *progress) error {
	select {
	case <-time.After(lostAfter):
	case <-ctx.Done():
		return nil
	}
	seen.Store(busAsked)
	conn, err := connect(ctx)
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(busFace), dbus.WithMatchMember(ownerChanged), dbus.WithMatchArg(0, secretsName))
	if err != nil {
		return nil
	}
	if !served(ctx, conn) {
		return lostService
	}
	seen.Store(serviceAsked)
	ping := make(chan *dbus.Call, 1)
	conn.Object(secretsName, secretsPath).GoWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", dbus.FlagNoAutoStart, ping)
	for {
		select {
		case call := <-ping:
			if call.Err == nil {
				seen.Store(serviceAnswers)
			}
		case signal, ok := <-signals:
			if !ok { // the bus is gone, which the call itself notices
				return nil
			}
			if lostOwner(signal) {
				return lostService
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// served reports whether there is a service, or may be one soon. It is true where
// the bus does not say.
func served(ctx context.Context, conn *dbus.Conn) bool {
	var there bool
	if err := conn.BusObject().CallWithContext(ctx, busFace+".NameHasOwner", 0, secretsName).Store(&there); err != nil || there {
		return true
	}
	var startable []string
	err := conn.BusObject().CallWithContext(ctx, busFace+".ListActivatableNames", 0).Store(&startable)
	return err != nil || slices.Contains(startable, secretsName)
}

// lostOwner reports whether the service's name went from one who had it: to
// another or to nobody, a call that waits is not answered.
func lostOwner(signal *dbus.Signal) bool {
	if signal.Name != busFace+"."+ownerChanged || len(signal.Body) != 3 || signal.Body[0] != secretsName {
		return false
	}
	old, ok := signal.Body[1].(string)
	return ok && old != ""
}
