package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// A tabShell is a real shell with completion. Its start-up file binds two keys: Ctrl-X Ctrl-P
// prints the current command line between lineBegin and lineEnd, and Ctrl-U clears it.
type tabShell struct {
	command []string // FILE is replaced by the path of the start-up file
	file    string   // the name of the start-up file
	startup string
	load    string // the command that loads the completions, as the help says
}

const lineBegin, lineEnd = "⟦", "⟧"

var tabShells = map[string]tabShell{
	"bash": {[]string{"bash", "--noprofile", "--rcfile", "FILE", "-i"}, "bashrc", `
PS1='ready> '
show() { printf '\n⟦%s⟧\n' "$READLINE_LINE"; }
bind -x '"\C-x\C-p": show'
bind 'set bell-style none' 'set enable-bracketed-paste off'
`, `eval "$(ocgo-key completion bash)"`},
	"zsh": {[]string{"env", "ZDOTDIR=.", "zsh", "-d", "-i"}, ".zshrc", `
PS1='ready> '
unsetopt beep zle_bracketed_paste
unset zle_bracketed_paste
autoload -Uz compinit && compinit -u -D
bindkey -e
show() { print -r -- $'\n'"⟦$BUFFER⟧" }
zle -N show && bindkey '^X^P' show
bindkey '^U' kill-whole-line
`, `source <(ocgo-key completion zsh)`},
	"fish": {[]string{"fish", "--no-config", "--private", "-i", "-C", "source FILE"}, "config.fish", `
function fish_prompt; echo 'ready> '; end
set fish_greeting
set fish_autosuggestion_enabled 0
bind \cx\cp 'printf "\n⟦%s⟧\n" (commandline | string collect)'
bind \cu 'commandline ""'
`, `ocgo-key completion fish | source`},
}

// completes SHELL FILE [LOAD] starts a shell on a terminal and loads the completions, with the
// command LOAD if it is given. For each line "TYPED| => LINE|" of FILE it types TYPED and TAB, and
// requires the result LINE, with the cursor after it. For "TYPED| ?? TEXT" it types TAB twice, and
// requires that TEXT appears.
func completes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: completes SHELL FILE [LOAD]")
	}
	shell, ok := tabShells[args[0]]
	if !ok {
		ts.Fatalf("no such shell %q", args[0])
	}
	load := shell.load
	if len(args) == 3 {
		load = args[2]
	}
	dir := ts.MkAbs(".")
	file := filepath.Join(dir, shell.file)
	ts.Check(os.WriteFile(file, []byte(shell.startup+load+"\n"), 0o600))
	argv := make([]string, len(shell.command))
	for i, arg := range shell.command {
		argv[i] = strings.ReplaceAll(arg, "FILE", file)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	for _, name := range scriptOf(ts).variables {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "TERM=xterm")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 60, Cols: 160})
	ts.Check(err)
	t := &tabTerminal{File: terminal}
	defer func() {
		_ = terminal.Close() // hangs up
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	check := func(err error) {
		if err != nil {
			ts.Logf("[terminal]\n%q", t.shown.String())
			ts.Fatalf("%s: %v", args[0], err)
		}
	}
	_, err = t.until("ready> ")
	check(err)
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		n++
		keys, want, listed := strings.Cut(line, "| ?? ")
		if !listed {
			if keys, want, ok = strings.Cut(line, "| => "); !ok || !strings.HasSuffix(want, "|") {
				ts.Fatalf("not a case: %s", line)
			}
			keys += "\t"
		} else {
			keys += "\t\t"
		}
		shown, err := t.typing(keys)
		check(err)
		if listed {
			if !strings.Contains(shown, want) {
				check(fmt.Errorf("%s\nis not in %q", line, shown))
			}
		} else if _, got, _ := strings.Cut(shown, lineBegin); got+"|" != want {
			check(fmt.Errorf("%s\ngives %s|", line, got))
		}
	}
	if n == 0 {
		ts.Fatalf("%s has no case", args[1])
	}
}

// tabTerminal is the terminal of a shell.
type tabTerminal struct {
	*os.File
	shown bytes.Buffer // output that until has not consumed yet
}

// typing types keys, and returns the output of the terminal up to lineEnd.
func (t *tabTerminal) typing(keys string) (string, error) {
	if _, err := io.WriteString(t, keys+"\x18\x10"); err != nil {
		return "", err
	}
	shown, err := t.until(lineEnd)
	if err == nil {
		_, err = io.WriteString(t, "\x15")
	}
	return shown, err
}

// until reads the output until text appears, and returns the output before it. It also ends when
// the shell exits. The shell has a time limit.
func (t *tabTerminal) until(text string) (string, error) {
	for piece := make([]byte, 4096); ; {
		if before, after, found := strings.Cut(t.shown.String(), text); found {
			t.shown.Reset()
			t.shown.WriteString(after)
			return before, nil
		}
		n, err := t.Read(piece)
		t.shown.Write(piece[:n])
		if err != nil {
			return "", fmt.Errorf("the terminal ended before it showed %q: %w", text, err)
		}
	}
}
