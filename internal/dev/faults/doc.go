// Command faults injects faults (killed commands, full disks, broken files, a keychain that dies or
// locks, many commands at once), checks whether anything was lost, and writes the results to
// docs/reliability.md.
//
// The command is a tool and not part of the product. It runs the real program with a private
// keyring, contacts no service, and leaves nothing behind but the page. It needs Linux, because it
// stops the program before each of its steps with ptrace(2).
package main
