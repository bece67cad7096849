// Package secure keeps this process's memory out of core dumps and, where the system supports it,
// away from other programs of the same user. It holds no key, and logs and prints nothing.
//
// It protects against accidents and casual inspection. A program that may become the administrator,
// or query the keychain, does not need this memory: see docs/threat-model.md.
package secure

// HideMemory hides the memory of this process until it ends. It does not affect the programs that
// this process starts: see WithUserLimits.
//
//   - Linux: the process is not dumpable (prctl(2), PR_SET_DUMPABLE). The kernel writes no core dump,
//     neither to a file nor to a pipe, and lets only the administrator trace the process or read its
//     memory and environment in /proc. An exec ends that, so commands that we start are dumpable. If
//     a sandbox refuses the call, the limit of core dumps is lowered as on macOS; the kernel ignores
//     that limit for a core dump to a pipe.
//   - macOS: the soft limit of core dumps is 0. WithUserLimits restores it for a command.
//   - Windows: a crash report contains no heap. The Go runtime makes such a report only with
//     GOTRACEBACK=wer.
func HideMemory() { hideMemory() }

// WithUserLimits restores the limits that this process began with for the duration of the call, and
// returns the error of the function start, which launches a command of the user.
func WithUserLimits(start func() error) error { return withUserLimits(start) }
