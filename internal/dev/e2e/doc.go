// Package e2e contains only tests. They test the whole path from a key in the keychain to an
// answered prompt. They use the built program, the real OpenCode, a real gnome-keyring on a private
// D-Bus, and a stand-in for the Go service. No test may contact the real service.
//
// If one of these is missing, a test fails and says what to install; `make test` installs it. After
// each test, everything that was printed, written or shown in the process table is searched for the
// test's keys.
package e2e
