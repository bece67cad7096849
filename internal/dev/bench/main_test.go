package main

import (
	"os"
	"testing"
)

// TestMain runs the other processes of a benchmark if it is started as one of them.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			end(role(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}
