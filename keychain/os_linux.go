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
		preflight:    func() error { return needBus(runtimeDir) },
		warm:         func() { _, _ = dbus.SessionBus() }, // go-keyring uses the same connection
		classify:     classify,
		inspect:      inspect,
		watch:        watchService,
		vanished:     vanished,
		verifyDelete: true,
	}
}

// needBus makes sure that godbus finds a bus. Otherwise godbus would run dbus-launch, and each call
// would leave a dbus-daemon and a keyring daemon running. Source: docs/facts.md, "go-keyring".
func needBus(runtimeDir string) error {
	if given := os.Getenv(busVariable); given != "" && given != "autolaunch:" {
		return nil
	}
	address := findBus(runtimeDir)
	if address == "" {
		return errNoBus
	}
	// Otherwise godbus would search again, and might not find the bus.
	if err := os.Setenv(busVariable, address); err != nil {
		return errNoBus
	}
	return nil
}

// findBus searches in the same places as godbus (conn_other.go, tryDiscoverDbusSessionBusAddress).
// It returns "" if godbus would run dbus-launch.
func findBus(runtimeDir string) string {
	socket := filepath.Join(runtimeDir, "bus")
	if _, err := os.Stat(socket); err == nil {
		return "unix:path=" + dbus.EscapeBusAddressValue(socket)
	}
	// Older desktops write this text file. A pipe with this name is not read, since reading could
	// block.
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

const (
	// unlockFailed is the beginning of go-keyring's error for a failed unlock, before the path of
	// the object.
	unlockFailed = "failed to unlock correct collection '"
	defaultAlias = "/org/freedesktop/secrets/aliases/default"
)

// classify returns the *Error for a known error of D-Bus, the keychain service or go-keyring, or
// nil.
func classify(ctx context.Context, err error) error {
	if name := dbusErrorName(err); name != "" {
		return dbusError(name)
	}
	network, isNetwork := errors.AsType[*net.OpError](err)
	text := err.Error()
	switch {
	case strings.HasPrefix(text, unlockFailed+defaultAlias):
		// go-keyring returns this error if the default keyring stays locked, and also if none
		// exists.
		if hasDefaultKeyring(ctx) {
			return errKeyringLocked
		}
		return errNoDefaultKeyring
	case strings.HasPrefix(text, unlockFailed):
		return errKeyringLocked
	case isNetwork && network.Op == "dial":
		return errBusUnreachable
	case strings.HasPrefix(text, "dbus: invalid address"),
		strings.HasPrefix(text, "dbus: invalid bus address"),
		strings.HasPrefix(text, "dbus: invalid tcp family"),
		strings.HasPrefix(text, "dbus: unsupported address"):
		return errBusUnreachable.withMessage("the address of the D-Bus session bus is not valid")
	case strings.HasPrefix(text, "dbus.Store:"):
		return errMalformedAnswer
	case text == "dbus: authentication failed":
		return errBusDenied
	case errors.Is(err, dbus.ErrClosed), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), isNetwork:
		return errBusLost
	}
	return nil
}

// vanished reports whether err says that an object does not exist. gnome-keyring uses the first
// name below, and other services use the others.
func vanished(err error) bool {
	switch dbusErrorName(err) {
	case "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.Secret.Error.NoSuchObject":
		return true
	}
	return false
}

// dbusErrorName returns the name of a D-Bus error, or "" for another error. godbus returns D-Bus
// errors by value, but its constructors return pointers.
func dbusErrorName(err error) string {
	if e, ok := errors.AsType[dbus.Error](err); ok {
		return e.Name
	}
	if e, ok := errors.AsType[*dbus.Error](err); ok {
		return e.Name
	}
	return ""
}

// hasDefaultKeyring reports whether the service has a default keyring. The service returns the path
// "/" if it has none.
func hasDefaultKeyring(ctx context.Context) bool {
	conn, err := dbus.SessionBus()
	if err != nil {
		return false
	}
	var path dbus.ObjectPath
	err = conn.Object(secretsName, secretsPath).
		CallWithContext(ctx, serviceInterface+".ReadAlias", 0, "default").Store(&path)
	return err == nil && path != "/"
}
