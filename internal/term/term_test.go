package term

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHasDisplay(t *testing.T) {
	tests := []struct {
		goos, set string
		want      bool
	}{
		{"linux", "", false},
		{"linux", "DISPLAY", true},
		{"linux", "WAYLAND_DISPLAY", true},
		{"linux", "SSH_TTY", false},
		{"darwin", "", true},
		{"darwin", "SSH_TTY", false},
		{"darwin", "DISPLAY", true},
		{"windows", "", true},
		{"windows", "SSH_CONNECTION", false},
	}
	for _, tt := range tests {
		got := hasDisplay(tt.goos, func(k string) string {
			if k == tt.set {
				return "x"
			}
			return ""
		})
		if got != tt.want {
			t.Errorf("%s with %q: %v", tt.goos, tt.set, got)
		}
	}
	if !Interactive(func(string) string { return "x" }) {
		t.Error("a display is not enough")
	}
}

func TestReadLine(t *testing.T) {
	tests := []struct {
		in, want, rest string
		err            error
	}{
		{"a b\nc", "a b", "c", nil},
		{"a\r\n", "a", "", nil},
		{"\nx", "", "x", nil},
		{"a", "a", "", nil},
		{"", "", "", io.EOF},
	}
	for _, tt := range tests {
		r := strings.NewReader(tt.in)
		got, err := readLine(r)
		rest, _ := io.ReadAll(r)
		if string(got) != tt.want || string(rest) != tt.rest || !errors.Is(err, tt.err) {
			t.Errorf("%q: %q, %v, left %q", tt.in, got, err, rest)
		}
	}
	if _, err := readLine(strings.NewReader(strings.Repeat("x", maxLine+1))); err == nil {
		t.Error("a line without an end was accepted")
	}
}

func TestNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if IsTerminal(f) {
		t.Error("IsTerminal returns true for a file")
	}
	if got := Width(f); got != 80 {
		t.Errorf("a file has %d columns", got)
	}
	if _, err := Save(f); err == nil {
		t.Error("a file has modes")
	}
	var none *State
	if err := none.Restore(); err != nil {
		t.Error(err)
	}
}
