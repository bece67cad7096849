// Package secure keeps this process's memory out of core dumps and, where the system supports it,
// away from other programs of the same user. It holds no key, and logs and prints nothing.
//
// It protects against accidents and casual inspection. A program that may become the administrator,
// or query the keychain, does not need this memory: see docs/threat-model.md.
package secure

// HideMemory hides the memory of this process until it ends. It does not affect the programs that
// this process starts: see WithUserLimits.
//
//   - Linux: it is not dumpable (prctl(2), PR_SET_DUMPABLE). The kernel writes no core of it, whatever the limit and
//     wherever cores are piped, and lets only the administrator trace it, or read its memory and environment in /proc.
//     An exec ends that, so a command that we start is as dumpable as ever. Where a sandbox refuses the call, the limit
//     of core dumps is lowered as on macOS, which does not concern a program that cores are piped to.
//   - macOS: the soft limit of core dumps is 0. Starting puts the user's back for a command.
//   - Windows: a report of a crash holds no heap. The Go runtime makes no such report unless GOTRACEBACK=wer asks it to.
func HideMemory() { hideMemory() }

// WithUserLimits calls start, which starts a command of the user's, with the limits that this
// process was started with, and returns its error.
func WithUserLimits(start func() error) error { return withUserLimits(start) }
