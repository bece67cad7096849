package keychain

import (
	"context"
	"slices"

	"github.com/godbus/dbus/v5"
)

const (
	secretsName     = "org.freedesktop.secrets"
	secretsPath     = "/org/freedesktop/secrets"
	loginRing       = secretsPath + "/collection/login"
	serviceFace     = "org.freedesktop.Secret.Service"
	collectionFace  = "org.freedesktop.Secret.Collection"
	getProperty     = "org.freedesktop.DBus.Properties.Get"
	maxInspectItems = 10_000
)

// inspect looks at the keyring that go-keyring uses, and at what the others have of ours.
// Interfaces: Secret Service API 0.2.
func inspect(ctx context.Context) (Inspection, error) {
	conn, err := connect(ctx)
	if err != nil {
		return Inspection{}, err
	}
	defer func() { _ = conn.Close() }()

	var rings dbus.Variant
	service := conn.Object(secretsName, secretsPath)
	if err := service.CallWithContext(ctx, getProperty, 0, serviceFace, "Collections").Store(&rings); err != nil {
		return Inspection{}, unseen(ctx, err)
	}
	all, _ := rings.Value().([]dbus.ObjectPath)
	object := conn.Object(secretsName, usedRing(all))
	var locked dbus.Variant
	if err := object.CallWithContext(ctx, getProperty, 0, collectionFace, "Locked").Store(&locked); err != nil {
		if ctx.Err() != nil {
			return Inspection{}, unseen(ctx, err)
		}
		return Inspection{}, nil // there is no such keyring: asking for a key tells why
	}
	if isLocked, _ := locked.Value().(bool); isLocked {
		return Inspection{}, lockedRing
	}
	var items, shut []dbus.ObjectPath
	if err := service.CallWithContext(ctx, serviceFace+".SearchItems", 0, map[string]string{"service": Service}).Store(&items, &shut); err != nil {
		return Inspection{}, unseen(ctx, err)
	}
	seen := Inspection{Lists: len(items) <= maxInspectItems && len(shut) == 0}
	if len(shut) > 0 {
		seen.Locked = lockedIn(ringLabel(conn, ringOf(shut[0]))).failure("keys of ocgo-key").at(storeOS, "", "")
	}
	for _, item := range items[:min(len(items), maxInspectItems)] {
		var v dbus.Variant
		if err := conn.Object(secretsName, item).CallWithContext(ctx, getProperty, 0, "org.freedesktop.Secret.Item", "Attributes").Store(&v); err != nil {
			if ctx.Err() != nil {
				return Inspection{}, unseen(ctx, err)
			}
			continue // it was deleted meanwhile
		}
		attributes, _ := v.Value().(map[string]string)
		if id := attributes["username"]; id != "" {
			seen.IDs = append(seen.IDs, id)
		}
	}
	slices.Sort(seen.IDs)
	seen.IDs = slices.Compact(seen.IDs)
	return seen, nil
}

// connect opens a connection of its own, so that one that never comes about holds up nobody else. Its start knows
// no deadline: it is left behind when ctx ends.
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
			return nil, unseen(ctx, r.err)
		}
		return r.conn, nil
	case <-ctx.Done():
		go func() {
			if r := <-done; r.conn != nil {
				_ = r.conn.Close()
			}
		}()
		return nil, silentBus
	}
}

func unseen(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return silentService
	}
	if known := classify(ctx, err); known != nil {
		return known
	}
	return &failure{msg: "the keychain failed: " + clean(err, Secret{}), hint: lostBus.hint, mend: lostBus.mend}
}
