//go:build !linux && !windows

package wrapper_test

// act has roles on Linux only, where its tests run.
func act(string) {}
