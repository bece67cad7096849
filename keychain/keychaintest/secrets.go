package keychaintest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	secretsName      = "org.freedesktop.secrets"
	secretsPath      = "/org/freedesktop/secrets"
	serviceInterface = "org.freedesktop.Secret.Service"
	loginKeyring     = "/org/freedesktop/secrets/collection/login"
	lockedProperty   = "org.freedesktop.Secret.Collection.Locked"
)

// secrets calls the service over its own connection, not over the process-wide one of godbus.
type secrets struct {
	ctx  context.Context
	conn *dbus.Conn
}

func (d *Daemon) ask(f func(*secrets) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startBudget)
	defer cancel()
	conn, err := dbus.Connect(d.Address)
	if err != nil {
		return fmt.Errorf("private bus: %w", err)
	}
	return errors.Join(f(&secrets{ctx: ctx, conn: conn}), conn.Close())
}

func (s *secrets) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return s.conn.Object(secretsName, path).CallWithContext(s.ctx, method, dbus.FlagNoAutoStart, args...)
}

// await waits until the service answers and the default keyring is in the state want. If want is
// empty, any state is accepted.
func (s *secrets) await(service *process, want string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		state, err := s.state()
		if err == nil && (state == want || want == "") {
			return nil
		}
		select {
		case <-tick.C:
		case <-service.ended:
			return service.failure("ended during its start")
		case <-s.ctx.Done():
			return service.failure(fmt.Sprintf("is not ready: default keyring %q, want %q (%v)", state, want, err))
		}
	}
}

// state returns the state of the default keyring: none, open or locked.
func (s *secrets) state() (string, error) {
	var keyring dbus.ObjectPath
	if err := s.call(secretsPath, serviceInterface+".ReadAlias", "default").Store(&keyring); err != nil {
		return "", err
	}
	if keyring == "/" {
		return "none", nil
	}
	var locked bool
	if err := s.conn.Object(secretsName, keyring).StoreProperty(lockedProperty, &locked); err != nil {
		return "", err
	}
	if locked {
		return "locked", nil
	}
	return "open", nil
}

func (s *secrets) lock(keyring dbus.ObjectPath) error {
	var done []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := s.call(secretsPath, serviceInterface+".Lock", []dbus.ObjectPath{keyring}).Store(&done, &prompt)
	if err != nil {
		return fmt.Errorf("lock the keyring: %w", err)
	}
	var locked bool
	if err := s.conn.Object(secretsName, keyring).StoreProperty(lockedProperty, &locked); err != nil || locked {
		return err
	}
	return errors.New("the keyring is open after Lock")
}
