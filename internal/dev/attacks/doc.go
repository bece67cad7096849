// Package attacks shows, as root, that another user of the machine cannot do what
// docs/threat-model.md says that they cannot: it runs the program as one user and the attack as
// another, neither of which may be listed in the system's accounts. `make test-attacks` runs it.
package attacks
