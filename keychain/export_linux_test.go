package keychain

// NewOSWithRuntimeDir is NewOS with another folder for /run/user/UID.
func NewOSWithRuntimeDir(dir string) Store { return newOSStore(systemBackend(), linux(dir)) }

// FindBus is findBus.
var FindBus = findBus
