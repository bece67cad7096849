// Command faults injects faults, such as killed commands, full disks, broken files or a keychain
// that dies. It checks whether anything was lost, and writes the results to docs/reliability.md.
//
// The command is a tool and not part of the product. It runs the real program with a private
// keyring, contacts no service, and leaves nothing behind but the page. It needs Linux, because it
// stops the program before each of its steps with ptrace(2).
package main
