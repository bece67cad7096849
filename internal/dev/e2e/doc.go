// Package e2e is tests alone: the whole path from a key in the keychain to an answered prompt, on
// real parts. The program as it is built, a real keychain service (gnome-keyring on a private
// D-Bus), the real OpenCode, and a stand-in for the Go service, which no test may go past.
//
// A test fails where one of these is missing, and says what to install; `make test` does so. After
// each test all that was printed, written or shown in the process table is searched for its keys.
package e2e
