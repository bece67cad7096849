//go:build !check

package keychaintest

// Installed reports whether the tests may start installed programs, such as a keychain service. The
// build tag check of `make check` excludes the files of tests that have to.
const Installed = true
