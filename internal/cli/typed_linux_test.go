package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// typed CODE PROMPT WHAT COMMAND... runs a command on a new terminal, types WHAT after PROMPT
// appears, and requires this exit code. WHAT is a text or key:NAME, or several of them with | in
// between, one for each time that PROMPT appears. The script's stdout is then the whole output of
// the terminal.
func typed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: typed CODE PROMPT WHAT COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	s, prompt, answers := scriptOf(ts), args[1], strings.Split(args[2], "|")
	for i, what := range answers {
		if name, ok := strings.CutPrefix(what, "key:"); ok {
			answers[i] = s.marker.Key(name)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[3], args[4:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range s.variables {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	terminal, err := pty.Start(cmd)
	ts.Check(err)
	defer terminal.Close()
	shown, read := bytes.Buffer{}, 0 // read is how much of shown was searched for the prompt
	for piece := make([]byte, 4096); ; {
		n, err := terminal.Read(piece) // ends when the command ends, at the latest when ctx ends
		shown.Write(piece[:n])
		if err != nil {
			break
		}
		if at := bytes.Index(shown.Bytes()[read:], []byte(prompt)); at >= 0 && len(answers) > 0 {
			_, err := io.WriteString(terminal, answers[0]+"\n")
			ts.Check(err)
			read, answers = read+at+len(prompt), answers[1:]
		}
	}
	err = cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		ts.Check(err)
	}
	text := strings.ReplaceAll(shown.String(), "\r\n", "\n")
	ts.Logf("[terminal]\n%s", text)
	_, _ = io.WriteString(ts.Stdout(), text)
	if code := cmd.ProcessState.ExitCode(); code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
	if len(answers) > 0 {
		ts.Fatalf("the prompt %q was not shown, or not again", prompt)
	}
}
