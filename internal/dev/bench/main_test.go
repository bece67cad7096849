package main

import (
	"os"
	"testing"
)

// TestMain runs the tests, or one of the roles if a benchmark has started the test binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			end(role(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}
