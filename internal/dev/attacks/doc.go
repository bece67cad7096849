// Package attacks tests, as root, the claims of docs/threat-model.md about other users of the
// machine. It runs the program as one user and the attack as another. Neither user needs an entry
// in the system's accounts. `make test-attacks` runs it.
package attacks
