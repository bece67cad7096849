package keychaintest

import (
	"fmt"

	"github.com/godbus/dbus/v5"
)

// unattendedInterface is gnome-keyring's interface for operations that otherwise prompt the user.
const unattendedInterface = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"

// The names of two keyrings of gnome-keyring.
const (
	LoginKeyring   = "login"           // a desktop creates it at login
	DefaultKeyring = "Default keyring" // gnome-keyring creates it for the first secret, if there is no keyring
)

// CreateKeyring creates an unlocked keyring with this name. The first keyring becomes the default
// keyring, as on a desktop.
func (d *Daemon) CreateKeyring(name string) (keyring dbus.ObjectPath, err error) {
	err = d.ask(func(s *secrets) error {
		master, err := s.master()
		if err != nil {
			return err
		}
		properties := map[string]dbus.Variant{"org.freedesktop.Secret.Collection.Label": dbus.MakeVariant(name)}
		if err := s.call(secretsPath, unattendedInterface+".CreateWithMasterPassword", properties, master).Store(&keyring); err != nil {
			return fmt.Errorf("create the keyring %q: %w", name, err)
		}
		state, err := s.state()
		if err == nil && state == "none" {
			err = s.call(secretsPath, serviceInterface+".SetAlias", "default", keyring).Err
		}
		return err
	})
	return keyring, err
}

// LockKeyring locks one keyring.
func (d *Daemon) LockKeyring(keyring dbus.ObjectPath) error {
	return d.ask(func(s *secrets) error { return s.lock(keyring) })
}

// UnlockKeyring unlocks one keyring.
func (d *Daemon) UnlockKeyring(keyring dbus.ObjectPath) error {
	return d.ask(func(s *secrets) error {
		master, err := s.master()
		if err != nil {
			return err
		}
		return s.call(secretsPath, unattendedInterface+".UnlockWithMasterPassword", keyring, master).Err
	})
}

// master opens a session, and returns the password of the keyrings as a secret of this session.
func (s *secrets) master() (secretStruct, error) {
	var nothing dbus.Variant
	var session dbus.ObjectPath
	err := s.call(secretsPath, serviceInterface+".OpenSession", "plain", dbus.MakeVariant("")).Store(&nothing, &session)
	return secretStruct{session, []byte{}, []byte(password), "text/plain"}, err
}

// KeysIn returns the account ids of ocgo-key's entries in a keyring, one for each entry.
func (d *Daemon) KeysIn(keyring dbus.ObjectPath) (ids []string, err error) {
	err = d.ask(func(s *secrets) error {
		var items []dbus.ObjectPath
		if err := s.call(keyring, "org.freedesktop.Secret.Collection.SearchItems", map[string]string{"service": "ocgo-key"}).Store(&items); err != nil {
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

// DeleteKeyring deletes the keyring of this name. After that, the service has no default keyring.
func (d *Daemon) DeleteKeyring(name string) error {
	return d.ask(func(s *secrets) error {
		if err := s.call(secretsPath, serviceInterface+".SetAlias", "default", dbus.ObjectPath("/")).Err; err != nil {
			return err
		}
		var prompt dbus.ObjectPath
		return s.call(secretsPath+"/collection/"+dbus.ObjectPath(name), "org.freedesktop.Secret.Collection.Delete").Store(&prompt)
	})
}
