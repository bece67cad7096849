package process

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tail is the part of a stat line after the name, as the kernel writes it.
const tail = " S 41 4724 2939 0 -1 4194304 88 0 1 0 0 0 0 0 20 0 1 0 95882 2654208 358 18446744073709551615 " +
	"94120846069760 94120846146489 140730837781392 0 0 0 0 0 65538 1 0 0 17 1 0 0 0 0 0 94120846175792 " +
	"94120846180928 94121694187520 140730837785017 140730837785109 140730837785109 140730837786604 0\n"

func TestParseStat(t *testing.T) {
	for _, name := range []string{
		"sh", "a b", "", ")", "(", "a) Z 1 (b", "tmux: server", "new\nline", "x) R 1 2 3 4", "(sd-pam)",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseStat([]byte("42 (" + name + ")" + tail))
			if err != nil {
				t.Fatal(err)
			}
			if s.pid != 42 || s.ppid != 41 || s.comm != name || s.state != 'S' || s.start != "95882" {
				t.Fatalf("got %+v", s)
			}
			want := "94120846069760-140730837781392-94121694187520-140730837785017-140730837786604"
			if s.image != want {
				t.Fatalf("image %q, want %q", s.image, want)
			}
		})
	}
}

func TestParseStatWithoutAddresses(t *testing.T) {
	fields := strings.Fields(tail)
	for _, n := range []int{fieldStartStack, fieldArgStart} {
		hidden := slices.Clone(fields)
		hidden[n-fieldState] = "0"
		s, err := parseStat([]byte("42 (sh) " + strings.Join(hidden, " ")))
		if err != nil || s.image != "" {
			t.Errorf("field %d hidden: image %q, error %v", n, s.image, err)
		}
	}
	// Kernels before 3.5 do not show the addresses of the arguments.
	s, err := parseStat([]byte("42 (sh) " + strings.Join(fields[:30], " ")))
	if err != nil || s.image != "" || s.start != "95882" {
		t.Errorf("short line: %+v, error %v", s, err)
	}
}

func TestParseStatRefuses(t *testing.T) {
	for _, line := range []string{
		"", "42", "42 (sh", "42 sh)" + tail, "(sh)" + tail, "x (sh)" + tail, "-1 (sh)" + tail, ")(" + tail,
		"42 (sh)", "42 (sh) S", "42 (sh) S 41", "42 (sh) S x" + tail,
		"42 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x",
		"42 (sh) SS" + tail[2:],
	} {
		if s, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q gives %+v", line, s)
		}
	}
}

func TestEnded(t *testing.T) {
	for _, state := range "RSDZTtWXxKPI" {
		s, err := parseStat([]byte(fmt.Sprintf("42 (sh) %c%s", state, tail[2:])))
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.ContainsRune("ZXx", state); s.ended() != want {
			t.Errorf("state %c: ended %v", state, s.ended())
		}
	}
}

func TestParseArgs(t *testing.T) {
	tests := []struct {
		raw  string
		want []string
	}{
		{"", nil},
		{"sh\x00", []string{"sh"}},
		{"sh\x00-c\x00a b\nc\x00", []string{"sh", "-c", "a b\nc"}},
		{"sh\x00-c\x00\x00", []string{"sh", "-c", ""}},
		{"\x00", []string{""}},
		{"npm exec thing", []string{"npm exec thing"}},
	}
	for _, tt := range tests {
		if got := parseArgs([]byte(tt.raw)); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.raw, got, tt.want)
		}
	}
}

func TestParseProcArgs(t *testing.T) {
	tests := []struct {
		raw, exe string
		args     []string
	}{
		{"", "", nil},
		{"\x02\x00\x00", "", nil},
		{"\x02\x00\x00\x00", "", nil},
		{"\x00\x00\x00\x00/bin/sh\x00", "", nil},
		{"\xff\xff\xff\xff/bin/sh\x00sh\x00", "", nil},
		{"\x02\x00\x00\x00/bin/sh\x00\x00\x00\x00sh\x00-x\x00HOME=/\x00", "/bin/sh", []string{"sh", "-x"}},
		{"\x03\x00\x00\x00/bin/sh\x00sh\x00\x00-x\x00HOME=/\x00", "/bin/sh", []string{"sh", "", "-x"}},
		{"\xff\xff\xff\x7f/bin/sh\x00sh\x00cut", "/bin/sh", []string{"sh"}},
	}
	for _, tt := range tests {
		exe, args := parseProcArgs([]byte(tt.raw))
		if exe != tt.exe || !slices.Equal(args, tt.args) {
			t.Errorf("%q: got %q %q", tt.raw, exe, args)
		}
	}
}

func TestFullName(t *testing.T) {
	tests := []struct {
		comm   string
		longer []string
		want   string
	}{
		{"sh", []string{"/bin/shell"}, "sh"},
		{"a-very-long-nam", []string{"/usr/bin/a-very-long-name"}, "a-very-long-name"},
		{"a-very-long-nam", []string{"/usr/bin/perl", "/x/a-very-long-name"}, "a-very-long-name"},
		{"a-very-long-nam", []string{"/usr/bin/another"}, "a-very-long-nam"},
		{"a-very-long-nam", []string{`C:\x\a-very-long-name.exe`}, "a-very-long-name.exe"},
		{"a-very-long-nam", nil, "a-very-long-nam"},
	}
	for _, tt := range tests {
		if got := fullName(tt.comm, 15, tt.longer...); got != tt.want {
			t.Errorf("%q %q: got %q, want %q", tt.comm, tt.longer, got, tt.want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (sh)" + tail))
	f.Add([]byte("42 (a) Z 1 (b)" + tail))
	f.Add([]byte("1 () S 0"))
	f.Fuzz(func(t *testing.T, line []byte) {
		s, err := parseStat(line)
		if err != nil {
			return
		}
		if s.pid <= 0 || s.ppid < 0 || s.start == "" || s.state == 0 {
			t.Fatalf("%q gives %+v", line, s)
		}
		if strings.ContainsAny(s.image+s.start, " \n") {
			t.Fatalf("%q: blanks in %+v", line, s)
		}
	})
}

// The fields after the name are read correctly for any name.
func FuzzParseStatName(f *testing.F) {
	f.Add("sh")
	f.Add(") R 7 (")
	f.Fuzz(func(t *testing.T, name string) {
		s, err := parseStat([]byte("42 (" + name + ")" + tail))
		if err != nil || s.comm != name || s.ppid != 41 || s.start != "95882" {
			t.Fatalf("%q: %+v, %v", name, s, err)
		}
	})
}

func FuzzParseArgs(f *testing.F) {
	f.Add([]byte("sh\x00-c\x00\x00"))
	f.Add([]byte("\x02\x00\x00\x00/bin/sh\x00\x00sh\x00-x\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		args := parseArgs(raw)
		if again := strings.Join(args, "\x00"); again != strings.TrimSuffix(string(raw), "\x00") {
			t.Fatalf("%q becomes %q", raw, args)
		}
		exe, args := parseProcArgs(raw)
		for _, a := range append(args, exe) {
			if strings.Contains(a, "\x00") || !strings.Contains(string(raw), a) {
				t.Fatalf("%q: argument %q", raw, a)
			}
		}
	})
}
