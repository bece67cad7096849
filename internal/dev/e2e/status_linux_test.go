package e2e

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// used sets how much of each window the account has used. An account that has used 100 % of its
// week is limited. No two windows reset at the same time.
func (of machine) used(label string, rolling, weekly, monthly int) {
	w := of.w
	now := time.Now().Add(time.Duration(slices.Index(labels, label)) * 35 * time.Minute)
	resets := map[fakeservice.Window]time.Time{fakeservice.Rolling: now.Add(2*time.Hour + 10*time.Minute), fakeservice.Weekly: now.Add(76 * time.Hour), fakeservice.Monthly: now.Add(12 * 24 * time.Hour)}
	plan := fakeservice.Plan{Usage: fakeservice.Usage{ResetsAt: resets,
		Percent: map[fakeservice.Window]int{fakeservice.Rolling: rolling, fakeservice.Weekly: weekly, fakeservice.Monthly: monthly}}}
	if weekly >= 100 {
		plan.Limits = []fakeservice.Limit{{Window: fakeservice.Weekly, Until: resets[fakeservice.Weekly]}}
	}
	w.service.SetPlan(w.marker.Key(label), plan)
}

// The output on a terminal has colors, unless TERM or the user turns them off. A terminal that can
// only show text gets sentences.
func TestStatusOnATerminal(t *testing.T) {
	t.Parallel()
	for variables, want := range map[string]struct {
		colours bool
		text    string
	}{
		"":                 {true, "> 1  Work  ready, next"},
		"NO_COLOR=1":       {false, "> 1  Work  ready, next"},
		"TERM=dumb":        {false, "Account 1, Work: ready."},
		"LC_ALL=C TERM=vt": {true, "5 hours  ######"},
	} {
		t.Run(variables, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add("Work")
			w.used("Work", 34, 12, 81)
			w.command("ocgo-key", "status").run().ok()
			s := w.tmux(variables + " ocgo-key status --offline")
			s.expect("ended with 0")
			assert.Contains(t, s.text(), want.text)
			assert.Equal(t, want.colours, strings.Contains(s.do("capture-pane", "-p", "-e"), "\x1b["))
		})
	}
}

// After a second of waiting, a message is shown. It is erased afterwards.
func TestStatusProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{Usage: fakeservice.Usage{Delay: -1}})
	s := w.tmux("ocgo-key status")
	s.expect("ocgo-key: asking the service...")
	s.expect("ocgo-key: Work: the service did not answer within 3s; there are no numbers yet")
	s.expect("ended with 0")
	assert.NotContains(t, s.text(), "asking the service")
}

// The live screen fills the terminal, even after a resize. Its keys work, it shows changes by other
// processes, and it restores the terminal at the end.
func TestStatusWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	w.used("Work", 34, 12, 81)
	w.used("Personal", 62, 17, 5)
	w.used("Spare", 8, 76, 40)
	s := w.tmux("stty -g >before; ocgo-key status --watch; code=$?; stty -g >after; (exit $code)")
	s.resize(80, 24)
	s.expect("Numbers as of just now.")
	s.shows(24, "▌ > 1  Work  ready, next", "5 hours  ████████████░░░░░░░░   62 %  resets in 2 h ", "Next: Work. Strategy: round-robin.")

	s.do("send-keys", "r")
	s.expect("Work -> Personal")
	s.expect("> 2  Personal  ready, next")
	assert.Equal(t, "Personal", *w.list().Next)
	s.do("send-keys", "Down", "d")
	s.expect("disabled Personal")
	s.expect("▌   2  Personal  disabled")
	assert.Equal(t, "Work ready, Personal disabled, Spare ready", w.list().states())
	s.do("send-keys", "e")
	s.expect("enabled Personal")
	assert.Equal(t, "Work ready, Personal ready, Spare ready", w.list().states())

	// Another process changes the pool.
	w.command("ocgo-key", "disable", "Spare").run().ok()
	s.expect("3  Spare  disabled")

	s.resize(120, 40)
	s.expect(strings.Repeat("█", 14) + strings.Repeat("░", 26) + "   34 %")
	s.shows(40, "▌ > 2  Personal  ready, next", "3  Spare  disabled")
	s.resize(40, 12)
	s.expect("███░░  62 %  in 2 h ")
	s.shows(12, "▌ > 2  Personal  ready, next")
	s.resize(80, 24)
	s.expect("62 %  resets in 2 h ")
	s.shows(24, "▌ > 2  Personal  ready, next", "3  Spare  disabled")
	s.do("send-keys", "?")
	s.expect("close this")

	s.do("send-keys", "q")
	s.expect("ended with 0")
	assert.Equal(t, w.readProject("before"), w.readProject("after"), "the modes of the terminal")
	assert.Equal(t, "0 1", strings.TrimSpace(s.do("display-message", "-p", "#{alternate_on} #{cursor_flag}")))
}

func (s *screen) resize(width, height int) {
	s.do("resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
}

// shows waits for these texts on the screen, with the keys in the last line.
func (s *screen) shows(height int, wanted ...string) {
	s.w.t.Helper()
	text := s.text()
	for _, want := range wanted {
		assert.Contains(s.w.t, text, want)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	assert.Len(s.w.t, lines, height)
	assert.Contains(s.w.t, lines[len(lines)-1], "q quit")
}

// Each way to leave restores the terminal.
func TestStatusWatchEnds(t *testing.T) {
	t.Parallel()
	signals := map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGQUIT": syscall.SIGQUIT}
	for _, way := range []string{"C-c", "Escape", "SIGTERM", "SIGQUIT"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add("Work")
			s := w.tmux("stty -g >before; ocgo-key status --watch --offline; code=$?; stty -g >after; (exit $code)")
			s.expect("1  Work  ready, next")
			if signal, ok := signals[way]; ok {
				shell := strings.TrimSpace(s.do("list-panes", "-F", "#{pane_pid}"))
				require.NoError(t, syscall.Kill(wrapperBelow(t, shell), signal))
			} else {
				s.do("send-keys", way)
			}
			s.expect("ended with 0")
			assert.Equal(t, w.readProject("before"), w.readProject("after"), "the modes of the terminal")
			assert.Equal(t, "0 1", strings.TrimSpace(s.do("display-message", "-p", "#{alternate_on} #{cursor_flag}")))
		})
	}
}

// Ctrl-Z returns to the shell, and fg shows the screen again. No key that is typed then is lost.
func TestStatusWatchSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	s := w.tmux("bash --norc --noprofile -i")
	s.types("ocgo-key status --watch --offline")
	s.expect("1  Work  ready, next")
	s.do("send-keys", "C-z")
	s.expect("Stopped")
	s.types("fg")
	s.expect("1  Work  ready, next")
	s.do("send-keys", "?")
	s.expect("close this")
	s.do("send-keys", "q")
	s.types("exit")
	s.expect("ended with 0")
}

// In an agent's shell the screen works offline, and its keys change nothing.
func TestStatusWatchInAnAgentsShell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	w.used("Work", 34, 12, 81)
	w.command("ocgo-key", "status").run().ok()
	s := w.with("OCGO_KEY_AGENT_SHELL=1", "OCGO_KEY_BASE_URL=http://127.0.0.1:1/zen/go/v1").tmux("ocgo-key status --watch --offline")
	s.expect("34 %")
	for _, key := range []string{"r", "d", "e"} {
		s.do("send-keys", "?") // the list of keys does not hide the message
		s.do("send-keys", key)
		s.expect("an agent's shell may not get a key or change an account")
	}
	p := w.list()
	assert.Equal(t, "Work ready, Personal ready", p.states())
	assert.Equal(t, "Work", *p.Next)
	s.do("send-keys", "q")
	s.expect("ended with 0")
}
