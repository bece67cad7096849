package keychain

// NewOSWithRuntimeDir is like NewOS, with dir in place of /run/user/UID.
func NewOSWithRuntimeDir(dir string) Store { return newOSStore(systemBackend(), linux(dir)) }

var FindBus = findBus
