// Package e2e contains only tests. They test the whole path from a key in the keychain to an
// answered prompt, with the built program, a real keychain service (gnome-keyring on a private
// D-Bus), the real OpenCode, and a stand-in for the Go service. No test may contact the real
// service.
//
// If one of these is missing, a test fails and says what to install; `make test` installs it. After
// each test, everything that was printed, written or shown in the process table is searched for the
// test's keys.
package e2e
