// Package realkeychain is tests alone: the store, and the program from `add` to `remove`, on the
// keychain of whoever runs them. `make test-keychain` does; they have the build tag "realkeychain",
// since they are no business of `make test`, which leaves the user's keychain alone. Their entries
// have ids of their own, and are taken away again.
package realkeychain
