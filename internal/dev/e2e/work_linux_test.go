package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// sideEffect makes Work's first answer run a bash tool that writes a line to a file. The second
// request hits the limit.
func (of openCode1) sideEffect(command string, then ...fakeservice.Answer) {
	w := of.w
	answers := append([]fakeservice.Answer{fakeservice.Bash(command)}, then...)
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true, Answers: answers})
}

func (of openCode1) project(name string) string {
	w := of.w
	return filepath.Join(filepath.Dir(w.home), "project", name)
}

func (of openCode1) readProject(name string) string {
	w := of.w
	content, err := os.ReadFile(w.project(name))
	require.NoError(w.t, err)
	return string(content)
}

// continuedOnPersonal checks a command that ran a tool once, hit Work's limit, and continued with
// Personal. The request to Personal has the same session, the tool's result, and the prompt once.
func (c *command) continuedOnPersonal() {
	c.w.t.Helper()
	assert.Contains(c.w.t, c.stdout.String(), "Hello from Personal.")
	assert.Len(c.w.t, c.ours(), 1, c.stderr.String())
	c.w.turnContinued()
}

// turnContinued checks the side effect and the requests of such a command.
func (of openCode1) turnContinued() {
	w := of.w
	t := w.t
	t.Helper()
	assert.Equal(t, "once\n", w.readProject("effect"))
	assert.Equal(t, []string{"Work", "Work", "Personal"}, w.asked())
	last := w.turns()[2]
	assert.Equal(t, 1, last.ToolResults, "the second account gets the tool's result")
	assert.Equal(t, 1, strings.Count(string(last.Body), "do the work"), "%s", last.Body)
	assert.Equal(t, w.turns()[0].Session, last.Session)
}

// The turn has already run a tool when a limit restarts OpenCode. The tool's side effect happens
// once, the session continues and contains the prompt once, and the user's options also apply after
// the restart. TestAgentsShellSeesNoKey tests the same without a restart.
func TestRestartInTheMiddleOfATurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	opencode(t, "", "")
	require.NoError(t, os.WriteFile(w.project("notes.txt"), []byte("the notes"), 0o600))
	w.sideEffect("echo once >>effect", fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
	c := w.command("ocgo-key", "run", "--on-429", "restart", "--", "opencode", "run", "-m", model, "--agent", "plan", "--format", "json", "-f", "notes.txt", "--", "do the work").
		reads("and more on stdin\n")
	require.NoError(t, c.Start())
	children := w.childrenOf(c.Process.Pid)
	c.end().ok()
	assert.Len(t, children.names(), 2)
	c.continuedOnPersonal()
	for line := range strings.Lines(c.stdout.String()) {
		assert.True(t, json.Valid([]byte(line)), "--format json holds for both: %q", line)
	}
	last := w.turns()[2]
	assert.Equal(t, "kimi-k2.6", last.Model)
	for _, once := range []string{"and more on stdin", "the notes"} {
		assert.Equal(t, 1, strings.Count(string(last.Body), once), "%q", once)
	}
}

// shape returns a JSON stream without the values that differ between runs: ids, times, counts.
func shape(t *testing.T, stream []byte) (kinds []string) {
	t.Helper()
	require.NotEmpty(t, stream)
	for line := range bytes.Lines(stream) {
		var event struct {
			Type string
			Part struct{ Type, Text string }
		}
		require.NoError(t, json.Unmarshal(line, &event), "%q", line)
		kinds = append(kinds, event.Type+"/"+event.Part.Type+"/"+event.Part.Text)
	}
	return kinds
}
