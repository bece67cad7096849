package keychain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

func system() platform {
	return linux(fmt.Sprintf("/run/user/%d", os.Getuid()))
}

func linux(runtimeDir string) platform {
	return platform{
		preflight: func() error { return needBus(runtimeDir) },
		warm:      func() { _, _ = dbus.SessionBus() }, // which go-keyring uses too
		classify:  classify,
		inspect:   inspect,
		watch:     watch,
		vanished:  vanished,
		thorough:  true,
	}
}

// needBus makes sure that godbus will find a bus by itself. Where it finds
// none it runs dbus-launch, which leaves a dbus-daemon, and soon a keyring
// daemon, behind with every call. Source: docs/facts.md, "go-keyring".
func needBus(runtimeDir string) error {
	if given := os.Getenv(busVariable); given != "" && given != "autolaunch:" {
		return nil
	}
	address := findBus(runtimeDir)
	if address == "" {
		return noBus
	}
	// godbus would look again and set the same; set here, the bus can't
	// vanish between the two looks.
	if err := os.Setenv(busVariable, address); err != nil {
		return noBus
	}
	return nil
}

// findBus looks where godbus looks (conn_other.go,
// tryDiscoverDbusSessionBusAddress), and returns "" where it would go on to
// dbus-launch.
func findBus(runtimeDir string) string {
	socket := filepath.Join(runtimeDir, "bus")
	if _, err := os.Stat(socket); err == nil {
		return "unix:path=" + dbus.EscapeBusAddressValue(socket)
	}
	// A text file of older desktops. Anything else under that name, a pipe
	// say, is not read: it could block.
	file := filepath.Join(runtimeDir, "dbus-session")
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	address, found := strings.CutPrefix(string(text), busVariable+"=")
	address = strings.TrimSpace(address)
	if !found || address == "autolaunch:" {
		return ""
	}
	return address
}

// failedUnlock is how go-keyring words every unlock that did not happen, with
// the object's path after it.
const (
	failedUnlock = "failed to unlock correct collection '"
	defaultAlias = "/org/freedesktop/secrets/aliases/default"
)

func classify(ctx context.Context, err error) error {
	if name, ok := dbusName(err); ok {
		return dbusError(name)
	}
	var elsewhere lockedIn
	if errors.As(err, &elsewhere) {
		return elsewhere.failure("it")
	}
	var dial *net.OpError
	text := err.Error()
	switch {
	case strings.HasPrefix(text, failedUnlock+defaultAlias):
		// The same words for a default keyring that stayed locked and for
		// one that does not exist.
		if hasDefault(ctx) {
			return lockedRing
		}
		return noDefault
	case strings.HasPrefix(text, failedUnlock):
		return lockedRing
	case errors.As(err, &dial) && dial.Op == "dial":
		return deadBus
	case strings.HasPrefix(text, "dbus: invalid address"),
		strings.HasPrefix(text, "dbus: invalid bus address"),
		strings.HasPrefix(text, "dbus: invalid tcp family"),
		strings.HasPrefix(text, "dbus: unsupported address"):
		return deadBus.with(func(f *failure) { f.msg = "the address of the D-Bus session bus is not valid" })
	case strings.HasPrefix(text, "dbus.Store:"):
		return oddAnswer
	case text == "dbus: authentication failed":
		return foreignBus
	case errors.Is(err, dbus.ErrClosed), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &dial):
		return lostBus
	}
	return nil
}

// vanished knows how the services word that there is no object under a path: gnome-keyring by the first of these.
func vanished(err error) bool {
	name, _ := dbusName(err)
	switch name {
	case "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.Secret.Error.NoSuchObject":
		return true
	}
	return false
}

// dbusName is the name of a D-Bus error. godbus returns it by value, its own
// constructors by pointer.
func dbusName(err error) (string, bool) {
	var byValue dbus.Error
	if errors.As(err, &byValue) {
		return byValue.Name, true
	}
	var byPointer *dbus.Error
	if errors.As(err, &byPointer) {
		return byPointer.Name, true
	}
	return "", false
}

// hasDefault asks whether a default keyring exists; "/" is the service's way
// of saying no.
func hasDefault(ctx context.Context) bool {
	conn, err := dbus.SessionBus()
	if err != nil {
		return false
	}
	var path dbus.ObjectPath
	err = conn.Object(secretsName, secretsPath).
		CallWithContext(ctx, serviceFace+".ReadAlias", 0, "default").Store(&path)
	return err == nil && path != "/"
}
