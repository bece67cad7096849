//go:build !check

package keychaintest

// Installed reports whether the tests may start installed programs, such as a keychain service. The
// build tag check, which `make check` sets, excludes such tests.
const Installed = true
