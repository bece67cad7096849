package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/manual"
)

// model returns kong's model of the grammar.
func model(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := newParser(new(grammar), newApp())
	require.NoError(t, err)
	return parser.Model
}

// part matches a part of docs/reference.md that is made from the grammar. The text around these
// parts is written by hand.
var part = regexp.MustCompile("(?s)<!-- made by `make reference`: ([^>]+) -->\n\n(.*?)\n?<!-- end -->\n")

func partBegin(name string) string { return "<!-- made by `make reference`: " + name + " -->\n\n" }

const partEnd = "\n<!-- end -->\n"

// parts returns the expected text of each part by its name. It also returns the names of the parts
// for commands, in the order of the grammar.
func parts(app *kong.Application) (want map[string]string, commands []string) {
	want = map[string]string{"flags": manual.Table(manual.Flags(app)),
		"exit codes": exitSection().Markdown(), "environment": environmentSection().Markdown(), "files": filesSection().Markdown()}
	for _, c := range manual.Commands(app) {
		want["command "+c.Name] = c.Markdown(app.Name)
		commands = append(commands, "command "+c.Name)
	}
	return want, commands
}

// With -update it rewrites the parts of docs/reference.md that are made from the grammar.
func TestReference(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "reference.md")
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	want, commands := parts(model(t))
	text := string(file)
	if *update {
		text = renew(t, text, want, commands)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	const fix = "run `make reference`"
	var there []string
	for _, m := range part.FindAllStringSubmatch(text, -1) {
		if _, known := want[m[1]]; !known {
			t.Errorf("docs/reference.md has %q, which is not in the grammar; take it out", m[1])
			continue
		}
		assert.Equal(t, want[m[1]], m[2], "%s in docs/reference.md is not what the program says; %s", m[1], fix)
		if strings.HasPrefix(m[1], "command ") {
			there = append(there, m[1])
		}
		delete(want, m[1])
	}
	assert.Equal(t, commands, there, "the commands must be in the order of the grammar")
	assert.Empty(t, want, "docs/reference.md lacks these; %s", fix)
}

// renew replaces the parts in text with those in want. If a command is missing in text, renew
// inserts it before the command that follows it in the grammar.
func renew(t *testing.T, text string, want map[string]string, commands []string) string {
	t.Helper()
	text = part.ReplaceAllStringFunc(text, func(old string) string {
		name := part.FindStringSubmatch(old)[1]
		return partBegin(name) + want[name] + partEnd
	})
	next := strings.Index(text, "\n## JSON\n") + 1
	require.Positive(t, next, "there must be a part after the commands")
	for i := len(commands) - 1; i >= 0; i-- {
		begin := partBegin(commands[i])
		if at := strings.Index(text, begin); at >= 0 {
			next = at
			continue
		}
		text = text[:next] + begin + want[commands[i]] + partEnd + "\n" + text[next:]
	}
	return text
}

// Each exit code is in the table of the manual.
func TestExitCodesAreDescribed(t *testing.T) {
	described := map[string]bool{}
	for _, row := range exitSection().Rows {
		described[row[0]] = true
	}
	source, err := os.ReadFile("exit.go")
	require.NoError(t, err)
	codes := regexp.MustCompile(`(?m)^\texit[A-Z]\w+ += (\d+)`).FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(codes), 10)
	for _, code := range codes {
		assert.True(t, described[code[1]], "exit code %s", code[1])
	}
}
