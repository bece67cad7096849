package accounts

import (
	"fmt"
	"strings"

	"ocgo-key/keychain"
)

// The names of the stores that are no docker credential helper.
const (
	OSStore   = "os"
	FileStore = "file"
)

// StoreNames is for people.
const StoreNames = "os (the OS keychain), file (one file that age encrypts) or docker:NAME (a docker credential helper)"

// CheckStore refuses what is not the name of a store.
func CheckStore(name string) error {
	if helper, ok := strings.CutPrefix(name, keychain.DockerPrefix); ok {
		return keychain.CheckDockerName(helper)
	}
	if name != OSStore && name != FileStore {
		return fmt.Errorf("there is no store %q; there are: %s", name, StoreNames)
	}
	return nil
}

// Place is a store as people know it.
func Place(store string) string {
	switch store {
	case OSStore:
		return "the OS keychain"
	case FileStore:
		return "the encrypted file"
	}
	return store
}
