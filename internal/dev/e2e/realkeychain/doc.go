// Package realkeychain contains only tests. They test the key store and the commands from `add` to
// `remove`, with the keychain of the user who runs them. `make test-keychain` runs them. They have
// the build tag "realkeychain", because `make test` must not touch the user's keychain. The tests
// use new ids for their entries, and remove the entries at the end.
package realkeychain
