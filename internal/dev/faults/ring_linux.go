//go:build amd64 || arm64

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// ring accesses the keyring without the program, by the Secret Service API 0.2
// (org.freedesktop.Secret).
type ring struct {
	conn    *dbus.Conn
	session dbus.ObjectPath
}

const (
	secretService = "org.freedesktop.secrets"
	secretRoot    = dbus.ObjectPath("/org/freedesktop/secrets")
	loginRing     = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	secretAPI     = "org.freedesktop.Secret."
	ourService    = "ocgo-key" // the same as keychain.Service
	ringPatience  = 20 * time.Second
)

// ringSecret is the API's struct Secret.
type ringSecret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

func openRing(address string) (*ring, error) {
	conn, err := dbus.Connect(address)
	if err != nil {
		return nil, err
	}
	r := &ring{conn: conn}
	var ignored dbus.Variant
	if err := r.call(secretRoot, "Service.OpenSession", "plain", dbus.MakeVariant("")).Store(&ignored, &r.session); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return r, nil
}

func (r *ring) close() error { return r.conn.Close() }

func (r *ring) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(context.Background(), ringPatience)
	defer cancel()
	return r.conn.Object(secretService, path).CallWithContext(ctx, secretAPI+method, 0, args...)
}

// item is one entry of the keyring.
type item struct {
	path dbus.ObjectPath
	id   string
	key  string
}

func (r *ring) items() ([]item, error) {
	var paths []dbus.ObjectPath
	if err := r.call(loginRing, "Collection.SearchItems", map[string]string{"service": ourService}).Store(&paths); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	if len(paths) == 0 {
		return nil, nil
	}
	var keys map[dbus.ObjectPath]ringSecret
	if err := r.call(secretRoot, "Service.GetSecrets", paths, r.session).Store(&keys); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	all := make([]item, 0, len(paths))
	for _, path := range paths {
		v, err := r.conn.Object(secretService, path).GetProperty(secretAPI + "Item.Attributes")
		if err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
		attributes, _ := v.Value().(map[string]string)
		all = append(all, item{path, attributes["username"], string(keys[path].Value)})
	}
	return all, nil
}

// become replaces ocgo-key's entries in the keyring by these keys, by id.
func (r *ring) become(keys map[string]string) error {
	items, err := r.items()
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, i := range items {
		if key, ok := keys[i.id]; ok && key == i.key && !there[i.id] {
			there[i.id] = true
			continue
		}
		var prompt dbus.ObjectPath
		if err := r.call(i.path, "Item.Delete").Store(&prompt); err != nil {
			return fmt.Errorf("keyring: %w", err)
		}
	}
	for id, key := range keys {
		if there[id] {
			continue
		}
		properties := map[string]dbus.Variant{
			secretAPI + "Item.Label":      dbus.MakeVariant("Password for '" + id + "' on '" + ourService + "'"),
			secretAPI + "Item.Attributes": dbus.MakeVariant(map[string]string{"service": ourService, "username": id}),
		}
		secret := ringSecret{r.session, []byte{}, []byte(key), "text/plain; charset=utf8"}
		var made, prompt dbus.ObjectPath
		if err := r.call(loginRing, "Collection.CreateItem", properties, secret, true).Store(&made, &prompt); err != nil {
			return fmt.Errorf("keyring: %w", err)
		}
	}
	return nil
}

// locked reports whether the keyring is locked or missing.
func (r *ring) locked() bool {
	v, err := r.conn.Object(secretService, loginRing).GetProperty(secretAPI + "Collection.Locked")
	locked, ok := v.Value().(bool)
	return err != nil || !ok || locked
}
