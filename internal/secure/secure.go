// Package secure keeps what is in this process's memory out of core dumps and, where the system knows how, away from
// other programs of the same user. It holds no key, logs nothing, and says nothing to anybody.
//
// It is about accidents and idle looks. Whoever may become the administrator, or ask the keychain itself, needs no
// look at our memory: see docs/threat-model.md.
package secure

// Process hides the memory of this process from now on, until it ends. What it starts is not concerned: see Starting.
//
//   - Linux: it is not dumpable (prctl(2), PR_SET_DUMPABLE). The kernel writes no core of it, whatever the limit and
//     wherever cores are piped, and lets only the administrator trace it, or read its memory and environment in /proc.
//     An exec ends that, so a command that we start is as dumpable as ever. Where a sandbox refuses the call, the limit
//     of core dumps is lowered as on macOS, which does not concern a program that cores are piped to.
//   - macOS: the soft limit of core dumps is 0. Starting puts the user's back for a command.
//   - Windows: a report of a crash holds no heap. The Go runtime makes no such report unless GOTRACEBACK=wer asks it to.
func HideMemory() { hideMemory() }

// Starting calls start, which starts a command of the user's, with the limits that we were started with.
func WithUserLimits(start func() error) error { return withUserLimits(start) }
