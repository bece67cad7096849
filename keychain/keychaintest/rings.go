package keychaintest

import (
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// unattendedFace is gnome-keyring's own interface for what would else be a question to the user.
const unattendedFace = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"

// Names of keyrings as gnome-keyring gives them: what a desktop makes at the login, and what it
// makes where an application stores something and there is none.
const (
	LoginRing   = "login"
	DefaultRing = "Default keyring"
)

// MakeRing makes a keyring that is open, under a name that is shown to the user. The first one of
// all becomes the default, as on a desktop.
func (d *Daemon) MakeRing(name string) (ring dbus.ObjectPath, err error) {
	err = d.ask(func(s *secrets) error {
		var nothing dbus.Variant
		var session dbus.ObjectPath
		if err := s.call(secretsPath, serviceFace+".OpenSession", "plain", dbus.MakeVariant("")).Store(&nothing, &session); err != nil {
			return err
		}
		properties := map[string]dbus.Variant{"org.freedesktop.Secret.Collection.Label": dbus.MakeVariant(name)}
		master := secretStruct{session, []byte{}, []byte(password), "text/plain"}
		if err := s.call(secretsPath, unattendedFace+".CreateWithMasterPassword", properties, master).Store(&ring); err != nil {
			return fmt.Errorf("make the keyring %q: %w", name, err)
		}
		state, err := s.state()
		if err == nil && state == "none" {
			err = s.call(secretsPath, serviceFace+".SetAlias", "default", ring).Err
		}
		return err
	})
	return ring, err
}

// LockRing locks one keyring.
func (d *Daemon) LockRing(ring dbus.ObjectPath) error {
	return d.ask(func(s *secrets) error {
		var done []dbus.ObjectPath
		var prompt dbus.ObjectPath
		if err := s.call(secretsPath, serviceFace+".Lock", []dbus.ObjectPath{ring}).Store(&done, &prompt); err != nil {
			return err
		}
		var locked bool
		if err := s.conn.Object(secretsName, ring).StoreProperty(lockedProp, &locked); err != nil || locked {
			return err
		}
		return errors.New("the keyring is open after Lock")
	})
}

// UnlockRing opens one keyring again.
func (d *Daemon) UnlockRing(ring dbus.ObjectPath) error {
	return d.ask(func(s *secrets) error {
		var nothing dbus.Variant
		var session dbus.ObjectPath
		if err := s.call(secretsPath, serviceFace+".OpenSession", "plain", dbus.MakeVariant("")).Store(&nothing, &session); err != nil {
			return err
		}
		return s.call(secretsPath, unattendedFace+".UnlockWithMasterPassword", ring, secretStruct{session, []byte{}, []byte(password), "text/plain"}).Err
	})
}

// KeysIn are the account ids of our entries in a keyring, one for each entry.
func (d *Daemon) KeysIn(ring dbus.ObjectPath) (ids []string, err error) {
	err = d.ask(func(s *secrets) error {
		var items []dbus.ObjectPath
		if err := s.call(ring, "org.freedesktop.Secret.Collection.SearchItems", map[string]string{"service": "ocgo-key"}).Store(&items); err != nil {
			return err
		}
		for _, item := range items {
			var attributes map[string]string
			if err := s.conn.Object(secretsName, item).StoreProperty("org.freedesktop.Secret.Item.Attributes", &attributes); err != nil {
				return err
			}
			ids = append(ids, attributes["username"])
		}
		return nil
	})
	return ids, err
}

// Forget deletes the keyring of this name, and leaves the service without a default one.
func (d *Daemon) Forget(name string) error {
	return d.ask(func(s *secrets) error {
		if err := s.call(secretsPath, serviceFace+".SetAlias", "default", dbus.ObjectPath("/")).Err; err != nil {
			return err
		}
		var prompt dbus.ObjectPath
		return s.call(secretsPath+"/collection/"+dbus.ObjectPath(name), "org.freedesktop.Secret.Collection.Delete").Store(&prompt)
	})
}
