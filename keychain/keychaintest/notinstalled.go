//go:build check

package keychaintest

const Installed = false
