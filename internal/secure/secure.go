// Package secure keeps this process's memory out of core dumps and, where the system supports it,
// away from other programs of the same user. The package has no access to keys, and logs and prints
// nothing.
//
// It protects against accidents and casual inspection. A program that can become root or query the
// keychain does not need this memory: see docs/threat-model.md.
package secure

// HideMemory hides the memory of this process until it ends. It does not affect the programs that
// this process starts: see WithUserLimits.
//
//   - Linux: the process is not dumpable (prctl(2), PR_SET_DUMPABLE). The kernel writes no core
//     dump, to a file or to a pipe. Only root can trace the process or read its memory and
//     environment in /proc. An exec ends this, so commands that we start are dumpable. If a sandbox
//     refuses the call, HideMemory lowers the limit of core dumps as on macOS. The kernel ignores
//     that limit for a core dump to a pipe.
//   - macOS: the soft limit of core dumps is 0. WithUserLimits restores it for a command.
//   - Windows: a crash report contains no heap. The Go runtime makes crash reports only with
//     GOTRACEBACK=wer.
func HideMemory() { hideMemory() }

// WithUserLimits calls start, which starts a command of the user, and returns its error. During the
// call, the limits are those with which this process was started.
func WithUserLimits(start func() error) error { return withUserLimits(start) }
