package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/completion"
	"ocgo-key/internal/manual"
)

// The help of every command says what the command does and has an example.
func TestHelpIsComplete(t *testing.T) {
	commands := manual.Commands(model(t))
	require.Greater(t, len(commands), 15)
	for _, c := range commands {
		assert.True(t, strings.HasSuffix(c.Summary, "."), "%s: %q does not end with a period", c.Name, c.Summary)
		assert.Contains(t, c.Example, "ocgo-key "+c.Name, "%s has no Example at the end of its help", c.Name)
		for _, o := range c.Options {
			assert.NotEmpty(t, o.Help, "%s %s", c.Name, o.Term)
		}
	}
}

// helpOf returns what `ocgo-key ARGS --help` prints in a terminal of this width.
func helpOf(t *testing.T, columns string, args ...string) string {
	t.Helper()
	t.Setenv("COLUMNS", columns)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	var out bytes.Buffer
	read := make(chan error)
	go func() {
		_, err := out.ReadFrom(reader)
		read <- err
	}()
	a := newApp()
	a.stdout = writer
	parser, err := newParser(new(grammar), a)
	require.NoError(t, err)
	func() {
		defer func() { _, _ = recover().(exited) }()
		_, _ = parser.Parse(append(args, "--help"))
	}()
	require.NoError(t, writer.Close())
	require.NoError(t, <-read)
	return out.String()
}

func TestHelpFitsTheTerminal(t *testing.T) {
	all := [][]string{nil}
	for _, c := range manual.Commands(model(t)) {
		all = append(all, strings.Fields(c.Name))
	}
	for _, args := range all {
		text := helpOf(t, "80", args...)
		require.Contains(t, text, "Usage: ocgo-key", args)
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, "%v: %s", args, line)
		}
		wide := 0
		for line := range strings.Lines(helpOf(t, "300", args...)) {
			wide = max(wide, utf8.RuneCountInString(line))
		}
		assert.LessOrEqual(t, wide, maxHelpWidth+1, args)
	}
	for _, columns := range []string{"0", "-3", "1", "many"} {
		assert.Contains(t, helpOf(t, columns, "run"), "Usage:", columns)
	}
}

func TestEachShellHasAScript(t *testing.T) {
	for _, shell := range strings.Split(enumOf(t, "completion", "shell"), ",") {
		assert.NotEmpty(t, completion.Script(shell), shell)
	}
}

// enumOf returns the allowed values of an argument of a command.
func enumOf(t *testing.T, command, argument string) string {
	t.Helper()
	for _, node := range model(t).Leaves(false) {
		for _, arg := range node.Positional {
			if node.Name == command && arg.Name == argument {
				return arg.Enum
			}
		}
	}
	t.Fatalf("no %s %s", command, argument)
	return ""
}
