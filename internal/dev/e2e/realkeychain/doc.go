// Package realkeychain contains only tests: of the store, and of the program from `add` to
// `remove`, with the keychain of the user who runs them. `make test-keychain` runs them. They have
// the build tag "realkeychain", because `make test` must not touch the user's keychain. Their
// entries have ids of their own, and are removed at the end.
package realkeychain
