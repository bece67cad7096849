package main

import "testing"

func TestJudge(t *testing.T) {
	const removed = "    testing.go:1464: TempDir RemoveAll cleanup: unlinkat C:\\x\\001: Invalid function.\r\n"
	for name, tt := range map[string]struct {
		output string
		ended  int // 0 for an error
	}{
		"passed":             {"=== RUN   TestA\r\n--- PASS: TestA (0.00s)\r\nPASS\r\n", 1},
		"not removed":        {"=== RUN   TestA\r\n" + removed + "--- FAIL: TestA (0.00s)\r\nFAIL\r\n", 1},
		"random input":       {"    a_test.go:7: [rapid] OK, passed 100 tests (1ms)\n--- PASS: TestA (0.00s)\nPASS\n", 1},
		"failed":             {"=== RUN   TestA\n    a_test.go:7: wrong\n--- FAIL: TestA (0.00s)\nFAIL\n", 0},
		"failed, kept":       {"=== RUN   TestA\n    a_test.go:7: wrong\n" + removed + "--- FAIL: TestA (0.00s)\nFAIL\n", 0},
		"another failure":    {"    testing.go:9: race detected\n--- FAIL: TestA (0.00s)\nFAIL\n", 0},
		"panicked":           {"--- PASS: TestA (0.00s)\npanic: x\nFAIL\n", 0},
		"killed":             {"--- PASS: TestA (0.00s)\n=== RUN   TestB\n", 0},
		"it did not run":     {"--- PASS: TestB (0.00s)\nPASS\n", 0},
		"nothing whatsoever": {"", 0},
	} {
		got, err := judge(tt.output, "TestA")
		if got != tt.ended || (err == nil) != (tt.ended > 0) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}
