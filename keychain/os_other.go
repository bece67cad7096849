//go:build !linux

package keychain

import "github.com/zalando/go-keyring"

func system() platform { return platform{classify: classify} }

// systemKeyring is go-keyring, with a Get of our own on macOS.
type systemKeyring struct{}

func systemBackend() backend { return systemKeyring{} }

func (systemKeyring) Get(service, user string) (string, error) { return systemGet(service, user) }
func (systemKeyring) Set(service, user, pw string) error       { return keyring.Set(service, user, pw) }
func (systemKeyring) Delete(service, user string) error        { return keyring.Delete(service, user) }
