package accounts

import (
	"fmt"
	"strings"

	"ocgo-key/keychain"
)

// The names of the stores that are not docker credential helpers.
const (
	OSStore   = "os"
	FileStore = "file"
)

// StoreNames lists all names of stores, for messages.
const StoreNames = "os (the OS keychain), file (one file that age encrypts) or docker:NAME (a docker credential helper)"

// CheckStore returns an error if name is not the name of a store.
func CheckStore(name string) error {
	if helper, ok := strings.CutPrefix(name, keychain.DockerPrefix); ok {
		return keychain.CheckDockerName(helper)
	}
	if name != OSStore && name != FileStore {
		return fmt.Errorf("there is no store %q; there are: %s", name, StoreNames)
	}
	return nil
}

// Place returns the name of a store in messages, such as "the OS keychain".
func Place(store string) string {
	switch store {
	case OSStore:
		return "the OS keychain"
	case FileStore:
		return "the encrypted file"
	}
	return store
}
