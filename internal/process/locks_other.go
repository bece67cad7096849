//go:build !linux

package process

// LockHolders is not to be had on this system.
func LockHolders(string) []Info { return nil }
