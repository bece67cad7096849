package caller

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ocgo-key/internal/process"
)

// nobody is the function holds if no process has an account.
func nobody(process.Info) bool { return false }

// tree returns a process table with one chain of ancestors, the nearest last. Each line has the
// arguments of a process, separated by "|". "NAME:" before the arguments sets the name of the
// process; the default is the base name of the first argument. "=" at the end means that the
// process has the executable of the previous process.
func tree(t *testing.T, lines []string) (self int, lookup func(int) (process.Info, error)) {
	t.Helper()
	table := map[int]process.Info{}
	ppid, image := 0, ""
	for i, line := range append(lines, "ocgo-key|get") {
		line, forked := strings.CutSuffix(line, "=")
		name, rest, named := strings.Cut(line, ":")
		if !named {
			rest = line
		}
		args := strings.Split(rest, "|")
		if !named {
			name = strings.TrimPrefix(programName(args[0]), "-")
		}
		pid := 1
		if i > 0 {
			pid = 100 + i
		}
		if !forked {
			image = fmt.Sprint(pid)
		}
		table[pid] = process.Info{PID: pid, PPID: ppid, Start: fmt.Sprint(pid), Name: name, Args: args, Image: image}
		ppid, self = pid, pid
	}
	return self, func(pid int) (process.Info, error) {
		if p, ok := table[pid]; ok {
			return p, nil
		}
		return process.Info{}, process.ErrNotExist
	}
}

func TestFind(t *testing.T) {
	const top = "systemd"
	tests := []struct {
		name  string
		lines []string
		want  int // index into lines
	}{
		{"a program", []string{top, "opencode"}, 1},
		{"an interactive shell", []string{top, "kitty", "zsh"}, 2},
		{"a login shell", []string{top, "sshd", "-bash"}, 2},
		{"a shell in a shell", []string{top, "-bash", "bash"}, 2},
		{"the same words twice", []string{top, "bash", "bash"}, 2},
		{"a script", []string{top, "-bash", "bash|./x.sh|-c"}, 2},
		{"a script by its first line", []string{top, "-bash", "x.sh:/bin/sh|./x.sh"}, 2},
		{"a script named like a launcher", []string{top, "-bash", "timeout:/bin/sh|./timeout"}, 2},
		{"a subshell of a script", []string{top, "-bash", "x.sh:/bin/sh|./x.sh", "x.sh:/bin/sh|./x.sh="}, 2},
		{"a script on standard input", []string{top, "ssh", "bash|-s"}, 2},
		{"sh -c", []string{top, "opencode", "sh|-c|ocgo-key get"}, 1},
		{"bash -lc", []string{top, "opencode", "/usr/bin/bash|-lc|KEY=$(ocgo-key get) x"}, 1},
		{"a pipeline", []string{top, "opencode", "bash|-ec|ocgo-key get | tr a b"}, 1},
		{"sh -c with two", []string{top, "opencode", "sh|-c|ocgo-key get; ocgo-key get"}, 2},
		{"a subshell of sh -c with two", []string{top, "opencode", "sh|-c|a; (b; c)", "sh|-c|a; (b; c)="}, 2},
		{"sh -c in sh -c with two", []string{top, "sh|-c|a; b", "sh|-c|ocgo-key get"}, 1},
		{"copies of copies", []string{top, "zsh", "zsh=", "zsh=", "zsh="}, 1},
		{"git", []string{top, "bash", "git|fetch", `sh|-c|ocgo-key get --format git "$@"|ocgo-key get|get`}, 2},
		{"fish", []string{top, "node|srv.js", "fish|-c|ocgo-key get"}, 1},
		{"pwsh", []string{top, "node|srv.js", "pwsh|-NoProfile|-Command|ocgo-key get"}, 1},
		{"busybox", []string{top, "opencode", "busybox|timeout|5|sh", "busybox|sh|-c|ocgo-key get"}, 1},
		{"a busybox shell", []string{top, "getty", "busybox|ash"}, 2},
		{"launchers", []string{top, "opencode", "sudo|-E|x", "env|A=1|x", "nice|x", "timeout|5|x", "/usr/bin/xargs|x"}, 1},
		{"su", []string{top, "make", "su|-c|ocgo-key get", "bash|-c|ocgo-key get"}, 1},
		{"su to a shell", []string{top, "bash", "su|-|bob", "-bash"}, 3},
		{"a launcher that is a script", []string{top, "opencode", "chronic:/usr/bin/perl|/usr/bin/chronic|x"}, 1},
		{"direnv exec", []string{top, "opencode", "direnv|exec|.|ocgo-key"}, 1},
		{"direnv itself", []string{top, "bash", "direnv|export|bash"}, 2},
		{"mise", []string{top, "opencode", "mise|-q|x|--|ocgo-key"}, 1},
		{"npx by its title", []string{top, "zsh", "npm exec ocgo-k:npm exec ocgo-key|||", "sh|-c|ocgo-key get"}, 1},
		{"npx by the kernel's name", []string{top, "zsh", "npm exec @a/env:", "sh|-c|ocgo-key get"}, 1},
		{"npm exec of a scope", []string{top, "zsh", "npm exec @a/b:npm exec @a/b"}, 1},
		{"npx by its script", []string{top, "zsh", "node|--no-warnings|-r|./x.js|/usr/bin/npx|ocgo-key"}, 1},
		{"pnpm dlx", []string{top, "zsh", "MainThread:/usr/bin/node|/opt/pnpm/bin/pnpm.cjs|dlx|ocgo-key"}, 1},
		{"yarn", []string{top, "zsh", "node|/usr/bin/yarn|ocgo-key"}, 1},
		{"the npm package's script", []string{top, "zsh", "MainThread:node|/usr/local/bin/ocgo-key|get"}, 1},
		{"bunx", []string{top, "zsh", "bunx|ocgo-key"}, 1},
		{"bun x", []string{top, "zsh", "bun|x|ocgo-key"}, 1},
		{"bun run", []string{top, "zsh", "bun|run|npx.ts"}, 2},
		{"a node program", []string{top, "zsh", "MainThread:node|srv.js|npx"}, 2},
		{"node -e", []string{top, "zsh", "node|-e|x|npx"}, 2},
		{"a forked worker is no shell", []string{top, "python3|w.py", "python3|w.py="}, 2},
		{"windows", []string{"explorer.exe", "opencode.exe", `CMD.EXE|/d|/s|/c|ocgo-key get`}, 1},
		{"windows, a person", []string{"explorer.exe", `C:\Windows\System32\cmd.exe`}, 1},
		{"windows, no arguments known", []string{"explorer.exe", `cmd.exe:`}, 1},
		{"the first process of a container", []string{"opencode", "bash|-c|ocgo-key get"}, 0},
		{"a shell is that", []string{"bash", "sh|-c|ocgo-key get"}, 0},
		{"nothing but launchers", []string{top, "sudo|x", "sh|-c|ocgo-key get"}, 1},
		{"nothing but launchers in a container", []string{"tini|--|x", "env|x", "sh|-c|ocgo-key get"}, 1},
		{"an orphan", []string{top, "sh|-c|ocgo-key get"}, 1},
		{"an orphan of a session", []string{top, "systemd|--user", "sh|-c|ocgo-key get"}, 2},
		{"an orphaned copy", []string{top, "sh|-c|a; b"}, 1},
		{"nothing but init", []string{top}, 0},
		{"wsl", []string{"init", "init(Ubuntu):/init", "timeout|5|x"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			self, lookup := tree(t, tt.lines)
			want := 1
			if tt.want > 0 {
				want = 100 + tt.want
			}
			got, err := Find(self, lookup, nobody)
			if err != nil {
				t.Fatal(err)
			}
			if got.PID != want {
				t.Fatalf("got %+v, want process %d", got, want)
			}
		})
	}
}

// If executables are unknown, a copy is recognized by its arguments.
func TestFindWithoutImages(t *testing.T) {
	self, known := tree(t, []string{"launchd", "zsh", "bash|x.sh", "bash|x.sh", "bash|x.sh"})
	lookup := func(pid int) (process.Info, error) {
		p, err := known(pid)
		p.Image = ""
		return p, err
	}
	got, err := Find(self, lookup, nobody)
	if err != nil || got.PID != 102 {
		t.Fatalf("got %+v, %v", got, err)
	}
	self, known = tree(t, []string{"launchd", "-zsh", "zsh"})
	if got, err = Find(self, lookup, nobody); err != nil || got.PID != 102 {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestFindErrors(t *testing.T) {
	hidden := errors.New("hidden")
	table := map[int]process.Info{
		5: {PID: 5, PPID: 4}, 6: {PID: 6, PPID: 0},
		8: {PID: 8, PPID: 7}, 7: {PID: 7, PPID: 4, Name: "env"},
	}
	lookup := func(pid int) (process.Info, error) {
		if p, ok := table[pid]; ok {
			return p, nil
		}
		return process.Info{}, hidden
	}
	for _, pid := range []int{4, 5, 6} {
		got, err := Find(pid, lookup, nobody)
		if err == nil || strings.Contains(err.Error(), "which process is asking") {
			t.Errorf("process %d: got %+v and the error %v; the error must leave the context to the caller of Find", pid, got, err)
		}
		if pid != 6 && !errors.Is(err, hidden) {
			t.Errorf("process %d: %v hides its cause", pid, err)
		}
	}
	// An error at an ancestor of the parent only ends the walk.
	if got, err := Find(8, lookup, nobody); err != nil || got.PID != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFindEndsInLoops(t *testing.T) {
	looked := 0
	lookup := func(pid int) (process.Info, error) {
		looked++
		return process.Info{PID: pid, PPID: 10 + (pid+1)%2, Name: "env"}, nil
	}
	if _, err := Find(10, lookup, nobody); err != nil {
		t.Fatal(err)
	}
	if looked > maxWalk+2 {
		t.Fatalf("looked %d times", looked)
	}
	self := func(pid int) (process.Info, error) {
		return process.Info{PID: 9, PPID: 9, Name: "sh", Args: []string{"sh"}}, nil
	}
	if got, err := Find(10, self, nobody); err != nil || got.PID != 9 {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestAbove(t *testing.T) {
	self, lookup := tree(t, []string{"init", "ocgo-key|run", "opencode", "bash", "env|x"})
	holding := func(pids ...int) func(process.Info) bool {
		return func(p process.Info) bool {
			for _, pid := range pids {
				if p.PID == pid {
					return true
				}
			}
			return false
		}
	}
	for _, row := range []struct {
		holds func(process.Info) bool
		want  int
	}{{holding(101), 101}, {holding(101, 102), 102}, {holding(1), 1}, {holding(self), 0}, {nobody, 0}} {
		got, ok := Above(self, lookup, row.holds)
		if got.PID != row.want || ok != (row.want != 0) {
			t.Errorf("got %d, %v; want %d", got.PID, ok, row.want)
		}
	}
	if _, ok := Above(7, lookup, holding(1)); ok {
		t.Error("a process that is not there has an ancestor")
	}
	loop := func(pid int) (process.Info, error) { return process.Info{PID: pid, PPID: 3 - pid}, nil }
	if _, ok := Above(1, loop, nobody); ok {
		t.Error("nobody holds an account in a loop")
	}
}
