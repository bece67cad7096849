package keychain

import (
	"context"
	"errors"
	"slices"

	"github.com/godbus/dbus/v5"
)

const (
	secretsName         = "org.freedesktop.secrets"
	secretsPath         = "/org/freedesktop/secrets"
	loginKeyring        = secretsPath + "/collection/login"
	serviceInterface    = "org.freedesktop.Secret.Service"
	collectionInterface = "org.freedesktop.Secret.Collection"
	itemInterface       = "org.freedesktop.Secret.Item"
	getProperty         = "org.freedesktop.DBus.Properties.Get"
	maxInspectItems     = 10_000
)

// inspect examines the keyring that go-keyring uses, and lists the keys of ocgo-key in all
// keyrings. Interfaces: Secret Service API 0.2.
func inspect(ctx context.Context) (Inspection, error) {
	conn, err := connect(ctx)
	if err != nil {
		return Inspection{}, err
	}
	defer func() { _ = conn.Close() }()

	var collections dbus.Variant
	service := conn.Object(secretsName, secretsPath)
	if err := service.CallWithContext(ctx, getProperty, 0, serviceInterface, "Collections").Store(&collections); err != nil {
		return Inspection{}, inspectError(ctx, err)
	}
	keyrings, _ := collections.Value().([]dbus.ObjectPath)
	used := conn.Object(secretsName, usedKeyring(keyrings))
	var locked dbus.Variant
	if err := used.CallWithContext(ctx, getProperty, 0, collectionInterface, "Locked").Store(&locked); err != nil {
		if ctx.Err() != nil {
			return Inspection{}, inspectError(ctx, err)
		}
		return Inspection{}, nil // there is no such keyring, so nothing can be listed; Get returns the reason
	}
	if isLocked, _ := locked.Value().(bool); isLocked {
		return Inspection{}, errKeyringLocked
	}
	var unlockedItems, lockedItems []dbus.ObjectPath
	ours := map[string]string{"service": Service}
	if err := service.CallWithContext(ctx, serviceInterface+".SearchItems", 0, ours).Store(&unlockedItems, &lockedItems); err != nil {
		return Inspection{}, inspectError(ctx, err)
	}
	found := Inspection{Complete: len(unlockedItems) <= maxInspectItems && len(lockedItems) == 0}
	if len(lockedItems) > 0 {
		label := keyringLabel(conn, keyringOf(lockedItems[0]))
		found.Locked = call{store: storeOS}.fail(namedKeyringLocked(label, "keys of ocgo-key"))
	}
	for _, item := range unlockedItems[:min(len(unlockedItems), maxInspectItems)] {
		var v dbus.Variant
		if err := conn.Object(secretsName, item).CallWithContext(ctx, getProperty, 0, itemInterface, "Attributes").Store(&v); err != nil {
			if ctx.Err() != nil {
				return Inspection{}, inspectError(ctx, err)
			}
			continue // the item was deleted meanwhile
		}
		attributes, _ := v.Value().(map[string]string)
		if id := attributes["username"]; id != "" {
			found.IDs = append(found.IDs, id)
		}
	}
	slices.Sort(found.IDs)
	found.IDs = slices.Compact(found.IDs)
	return found, nil
}

// connect opens a separate connection, so that it blocks no other call if it hangs. godbus has no
// deadline for connecting, so connect returns when ctx ends.
func connect(ctx context.Context) (*dbus.Conn, error) {
	type result struct {
		conn *dbus.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := dbus.ConnectSessionBus()
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, inspectError(ctx, r.err)
		}
		return r.conn, nil
	case <-ctx.Done():
		go func() {
			if r := <-done; r.conn != nil {
				_ = r.conn.Close()
			}
		}()
		return nil, errBusSilent
	}
}

// inspectError returns the *Error for an error during an inspection.
func inspectError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errServiceSilent
	}
	if known := classify(ctx, err); known != nil {
		return known
	}
	return &Error{Err: errors.New("the keychain failed: " + sanitize(err, Secret{})), Hint: errBusLost.Hint, Fix: errBusLost.Fix}
}
