// Command faults brings about what goes wrong on bad days (killed commands, full disks, broken
// files, a keychain that dies or locks, many commands at once), looks at what was lost, and writes
// that to docs/reliability.md.
//
// It is a tool, no part of the product: nothing imports it. It drives the program itself, on a real
// keyring that ends with it, asks no service, and leaves nothing behind but the page. It runs on
// Linux alone: it stops a command before each of its steps by way of ptrace(2).
package main
