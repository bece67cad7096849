package caller

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ocgo-key/internal/process"
)

// If this variable is set, the test binary prints its caller's pid. If the value is "npx", the
// binary first starts a process that looks like npx, whose child prints the pid.
const askEnv = "CALLER_TEST_ASK"

const heldEnv = "CALLER_TEST_HELD"

// name identifies a process by pid and start time, as a lease does. The start time alone is not
// unique, since two processes may start in one tick of the clock.
func name(p process.Info) string { return fmt.Sprintf("%d@%s", p.PID, p.Start) }

func TestMain(m *testing.M) {
	mode := os.Getenv(askEnv)
	if mode == "" {
		os.Exit(m.Run())
	}
	exe, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Args[0] != "npm exec @scope/tool" && mode == "npx" {
		again := exec.Command(exe)
		again.Args = []string{"npm exec @scope/tool"}
		again.Stdout = os.Stdout
		_ = again.Run()
		os.Exit(0)
	}
	if mode == "npx" {
		leaf := exec.Command("/bin/sh", "-c", `"$0" | cat`, exe)
		leaf.Env = append(os.Environ(), askEnv+"=1")
		leaf.Stdout = os.Stdout
		_ = leaf.Run()
		os.Exit(0)
	}
	caller, err := Find(os.Getpid(), process.Lookup, nobody)
	if mode == "hold" { // a file has a line for each process with an account
		held, _ := os.ReadFile(os.Getenv(heldEnv))
		caller, err = Find(os.Getpid(), process.Lookup, func(p process.Info) bool {
			return slices.Contains(strings.Fields(string(held)), name(p))
		})
		_ = os.WriteFile(os.Getenv(heldEnv), []byte(name(caller)), 0o600)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(caller.PID)
	os.Exit(0)
}

// ask runs a command that contains $BIN, and returns the pids that $BIN printed and the pid of the
// command itself.
func ask(t *testing.T, mode string, argv ...string) (callers []string, pid string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range argv {
		argv[i] = strings.ReplaceAll(a, "BIN", exe)
	}
	c := exec.Command(argv[0], argv[1:]...)
	c.Env = append(os.Environ(), askEnv+"="+mode, "GORACE=atexit_sleep_ms=0") // otherwise the race detector sleeps for a second at exit
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Fatalf("%q: %v: %s", argv, err, out.String())
	}
	return strings.Fields(out.String()), fmt.Sprint(c.Process.Pid)
}

func TestRealCallers(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		text = strings.ReplaceAll(text, "BIN", exe)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	script := write("x.sh", "BIN\nx=$(BIN; true); echo $x\n(BIN; true)\nBIN | cat\nBIN\n")
	byLine := write("long name of a script", "#!/bin/sh\nBIN\nx=$(BIN; true); echo $x\n(BIN; (BIN; true); true) | cat\nenv BIN\nsh -c 'BIN | cat'\n")
	input := write("input", "BIN\nBIN | cat\nBIN\n")

	tests := []struct {
		name string
		us   bool // the expected caller is this test process; otherwise the command itself
		n    int
		argv []string
	}{
		{"no shell", true, 1, []string{"BIN"}},
		{"sh -c", true, 1, []string{"sh", "-c", "BIN"}},
		{"sh -c, a pipeline", true, 1, []string{"sh", "-c", "BIN | cat"}},
		{"sh -c, a substitution", true, 1, []string{"sh", "-c", "env echo $(BIN | cat)"}},
		{"sh -c as git does", true, 1, []string{"sh", "-c", `env BIN "$@"`, "BIN", "get"}},
		{"sh -c in sh -c", true, 1, []string{"sh", "-c", "sh -c 'BIN | cat' | cat"}},
		{"bash -c", true, 1, []string{"bash", "-c", "BIN | cat"}},
		{"bash -euo pipefail -c", true, 1, []string{"bash", "-euo", "pipefail", "-c", "BIN | cat"}},
		{"bash -c, two", false, 2, []string{"bash", "-c", "BIN; BIN; true"}},
		{"sh -c, two", false, 2, []string{"sh", "-c", "BIN && BIN && true"}},
		{"bash -c, two, one of them below", false, 2, []string{"bash", "-c", "BIN; (BIN; true); true"}},
		{"bash -c, lines", false, 2, []string{"bash", "-c", "BIN\nBIN\ntrue"}},
		{"sh script", false, 5, []string{"sh", script}},
		{"bash script", false, 5, []string{"bash", script}},
		{"a script by its first line", false, 6, []string{byLine}},
		{"standard input", false, 3, []string{"sh", "-c", "exec sh <" + input}},
		{"env", true, 1, []string{"env", "A=1", "BIN"}},
		{"nice", true, 1, []string{"nice", "sh", "-c", "BIN | cat"}},
		{"timeout", true, 1, []string{"timeout", "60", "BIN"}},
		{"timeout of sh -c", true, 1, []string{"timeout", "60", "sh", "-c", "BIN | cat"}},
		{"nohup", true, 1, []string{"nohup", "sh", "-c", "BIN | cat"}},
		{"setsid", true, 1, []string{"setsid", "-w", "BIN"}},
		{"stdbuf", true, 1, []string{"stdbuf", "-oL", "sh", "-c", "BIN | cat"}},
		{"xargs", true, 2, []string{"sh", "-c", "printf '1\\n2\\n' | xargs -n 1 BIN"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			callers, pid := ask(t, "1", slices.Clone(tt.argv)...)
			want := pid
			if tt.us {
				want = fmt.Sprint(os.Getpid())
			}
			if len(callers) != tt.n {
				t.Fatalf("got %q, want %d answers", callers, tt.n)
			}
			for _, c := range callers {
				if c != want {
					t.Errorf("got %q, want %s each time", callers, want)
					break
				}
			}
		})
	}
}

func TestRealNpx(t *testing.T) {
	// The process that looks like npx is a child of the command. The command is an ordinary
	// program, so it is the caller.
	callers, pid := ask(t, "npx", "BIN")
	if !slices.Equal(callers, []string{pid}) {
		t.Fatalf("got %q, want %s", callers, pid)
	}
}

// Each of three shells runs the program twice. Both runs find the same caller, and the three
// callers differ.
func TestThreeShells(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		callers, pid := ask(t, "1", "bash", "-c", "BIN; BIN; true")
		if !slices.Equal(callers, []string{pid, pid}) {
			t.Fatalf("got %q, want %s twice", callers, pid)
		}
		seen[pid] = true
	}
	if len(seen) != 3 {
		t.Fatalf("%d different callers", len(seen))
	}
}

// A shell that replaces itself with its last command keeps its account.
func TestRealExecOfTheLast(t *testing.T) {
	for _, argv := range [][]string{
		{"bash", "-c", "BIN; BIN"},
		{"sh", "-c", "BIN; BIN"},
		{"sh", "-c", "BIN; exec BIN"},
		{"sh", "-c", "BIN; exec timeout 60 BIN"},
		{"bash", "-c", "BIN; exec sh -c 'BIN | cat'"},
	} {
		t.Setenv(heldEnv, filepath.Join(t.TempDir(), "held"))
		callers, pid := ask(t, "hold", slices.Clone(argv)...)
		if !slices.Equal(callers, []string{pid, pid}) {
			t.Errorf("%q: got %q, want %s twice", argv, callers, pid)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for b.Loop() {
		if _, err := Find(os.Getpid(), process.Lookup, nobody); err != nil {
			b.Fatal(err)
		}
	}
}
