//go:build !linux && !windows

package wrapper_test

// act has no roles on this system: the tests that need them run on Linux and Windows.
func act(string) {}
