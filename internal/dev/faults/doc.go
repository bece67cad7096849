// Command faults injects faults (killed commands, full disks, broken files, a keychain that dies or
// locks, many commands at once), checks whether anything was lost, and writes the results to
// docs/reliability.md.
//
// It is a tool and not part of the product: nothing imports it. It runs the real program with a
// real keyring that ends with it, contacts no service, and leaves nothing behind but the page. It
// runs only on Linux: it stops a command before each of its steps with ptrace(2).
package main
