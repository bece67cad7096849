package e2e

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/internal/fakeservice"
)

// When all accounts are used up, `run` and OpenCode wait. `run` says so once, and the command
// succeeds.
func TestAllUsedUpForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	var first sync.Once
	w.whileRequests(func() { // the start of OpenCode takes an unknown time
		first.Do(func() {
			w.limit("Work", 5*time.Second)
			w.limit("Personal", 4*time.Second)
		})
	})
	c := w.prompt(model, "say hi").run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from")
	c.saidOnce("All ")
}

// saidOnce checks that exactly one of ocgo-key's lines on stderr begins with the text.
func (c *command) saidOnce(text string) {
	c.w.t.Helper()
	said := 0
	for _, line := range c.ours() {
		if strings.HasPrefix(line, text) {
			said++
		}
	}
	assert.Equal(c.w.t, 1, said, c.stderr.String())
}

func TestMaxWait(t *testing.T) {
	t.Parallel()
	for wait, command := range map[string]func(*world) *command{
		"0":  func(w *world) *command { return w.prompt(model, "say hi", "--max-wait", "0") },
		"1s": func(w *world) *command { return w.curl("--max-wait", "1s") },
	} {
		w := newWorld(t)
		w.add("Work", "Personal")
		w.limit("Work", time.Hour)
		w.limit("Personal", 2*time.Hour)
		c := command(w).run()
		assert.Equal(t, 75, c.code(), "%s: %s", wait, c.stderr.String())
		assert.Contains(t, c.stderr.String(), "Work is back first")
		assert.Contains(t, c.stderr.String(), "hint: ")
	}
}

// waitsForPersonal starts the command. When the command says that all accounts are used up, the
// function adds Personal and checks that Personal answers.
func (c *command) waitsForPersonal() {
	t := c.w.t
	t.Helper()
	said := &lines{}
	c.Stderr = io.MultiWriter(c.Stderr, said)
	require.NoError(t, c.Start())
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "used up") }, patience, pause)
	c.w.add("Personal")
	c.end().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Personal.")
}

// Adding an account ends the waiting.
func TestWaitingEndsEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true, Answers: []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Weekly, time.Hour)}})
	c := w.prompt(model, "say hi")
	c.waitsForPersonal()
	c.saidOnce("Work is used up")
	assert.Contains(t, c.stderr.String(), "back early")
	last := w.turns()[len(w.turns())-1]
	assert.Equal(t, 1, strings.Count(string(last.Body), "say hi"))
}

// A run within a run uses the outer one's gateway and account.
func TestRunWithinRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	inner := w.curl()
	inner.cancel()
	script := `ocgo-key list --json; "$@"; exit 3`
	c := w.command("ocgo-key", append([]string{"run", "--", "sh", "-c", script, "sh", "ocgo-key"}, inner.Args[1:]...)...).run()
	assert.Equal(t, 3, c.code())
	assert.Contains(t, c.stdout.String(), "Hello from Work.")
	assert.False(t, w.wasAsked("Personal"))
	assert.Equal(t, "Personal", *w.list().Next, "one account was handed out, not two")
}

func TestEnvKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	// This client cannot use a gateway. Its request for usage shows which key it has.
	script := `test -n "$OPENCODE_API_KEY" && test -z "$OPENCODE_BASE_URL" && echo x >>tries &&
		case $(wc -l <tries) in 1) echo 'Error: 429 weekly usage limit reached' >&2; exit 1;; 2) echo '{"type":"error","error":{"type":"AuthError","message":"no"}}' >&2; exit 1;; *) echo done; exit 5;; esac`
	// --env-key is the only flag that puts a key into an environment. Even with this flag the key
	// must be nowhere else.
	w.leaks = func(leaks []keyleak.Leak) {
		for _, leak := range leaks {
			assert.Contains(t, leak.Where, "environ", "leaked: %v", leak)
		}
	}
	c := w.command("ocgo-key", "run", "--env-key", "--", "sh", "-c", script).run()
	assert.Equal(t, 5, c.code(), c.stderr.String())
	assert.Equal(t, "done\n", c.stdout.String())
	assert.Equal(t, "x\nx\nx\n", w.readProject("tries"))
	assert.Equal(t, "Work cooling, Personal rejected, Spare ready", w.list().states())
	require.Len(t, c.ours(), 2, c.stderr.String())
}
