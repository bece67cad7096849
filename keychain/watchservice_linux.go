package keychain

import (
	"context"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// watchAfter is the time after which watchService begins to check the service. A healthy service
// answers much sooner.
const watchAfter = 300 * time.Millisecond

const (
	busInterface = "org.freedesktop.DBus"
	ownerChanged = "NameOwnerChanged"
)

// watchService waits until the keychain service ends, and then returns errServiceEnded. It returns
// nil when ctx ends, or when it cannot watch. It uses its own connection, since go-keyring owns the
// connection of the call.
func watchService(ctx context.Context, reached *progress) error {
	select {
	case <-time.After(watchAfter):
	case <-ctx.Done():
		return nil
	}
	reached.Store(busAsked)
	conn, err := connect(ctx)
	if err != nil {
		return nil // if the bus fails, the call itself returns an error
	}
	defer func() { _ = conn.Close() }()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(busInterface), dbus.WithMatchMember(ownerChanged), dbus.WithMatchArg(0, secretsName))
	if err != nil {
		return nil
	}
	if !serviceAvailable(ctx, conn) {
		return errServiceEnded
	}
	reached.Store(serviceAsked)
	ping := make(chan *dbus.Call, 1)
	conn.Object(secretsName, secretsPath).GoWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", dbus.FlagNoAutoStart, ping)
	for {
		select {
		case call := <-ping:
			if call.Err == nil {
				reached.Store(serviceAnswered)
			}
		case signal, ok := <-signals:
			if !ok { // the connection to the bus is lost, so the call itself returns an error
				return nil
			}
			if ownerLost(signal) {
				return errServiceEnded
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// serviceAvailable reports whether a service runs or can be started by the bus. It returns true if
// the bus does not answer.
func serviceAvailable(ctx context.Context, conn *dbus.Conn) bool {
	var running bool
	if err := conn.BusObject().CallWithContext(ctx, busInterface+".NameHasOwner", 0, secretsName).Store(&running); err != nil || running {
		return true
	}
	var startable []string
	err := conn.BusObject().CallWithContext(ctx, busInterface+".ListActivatableNames", 0).Store(&startable)
	return err != nil || slices.Contains(startable, secretsName)
}

// ownerLost reports whether the process that owned the service's name has lost the name. Such a
// process will not answer the call.
func ownerLost(signal *dbus.Signal) bool {
	if signal.Name != busInterface+"."+ownerChanged || len(signal.Body) != 3 || signal.Body[0] != secretsName {
		return false
	}
	old, ok := signal.Body[1].(string)
	return ok && old != ""
}
