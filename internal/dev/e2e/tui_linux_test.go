package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// screen is a real terminal, 100 columns by 30 lines, with one program on it.
type screen struct {
	w      *world
	socket string
}

// tmux starts a terminal that runs the shell command, and shows the command's exit status at its
// end. The shell handles Ctrl-C, so a Ctrl-C after the end of the command does not end the shell.
func (of openCode1) tmux(command string) *screen {
	w := of.w
	w.t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		w.t.Fatal("tmux is not installed: `make test` installs it as root on Debian; else install the package tmux")
	}
	s := &screen{w, filepath.Join(filepath.Dir(w.home), "tmux")}
	s.do("new-session", "-d", "-x", "100", "-y", "30", "trap : INT; "+command+`; echo "ended with $?"; while :; do sleep 600; done`)
	w.t.Cleanup(func() {
		leaks := w.marker.Text("the screen", []byte(s.text()))
		w.leaks(leaks)
		_ = s.command("kill-server").Run()
		w.empty()
	})
	return s
}

func (s *screen) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-S", s.socket, "-f", os.DevNull}, args...)...)
	cmd.Env, cmd.Dir = append(s.w.env, "TERM=xterm-256color"), filepath.Join(filepath.Dir(s.w.home), "project")
	return cmd
}

func (s *screen) do(args ...string) string {
	s.w.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	require.NoError(s.w.t, err, "%s", out)
	return string(out)
}

func (s *screen) text() string { return s.do("capture-pane", "-p") }

// expect waits until the screen shows want, and logs the screen.
func (s *screen) expect(want string) {
	s.w.t.Helper()
	s.expectTimes(want, 1)
}

// expectTimes waits until the screen shows want this many times, so that earlier text does not
// count.
func (s *screen) expectTimes(want string, times int) {
	s.w.t.Helper()
	assert.Eventually(s.w.t, func() bool { return strings.Count(s.text(), want) >= times }, patience, 4*pause,
		"the screen never showed %q %d times", want, times)
	s.w.t.Logf("screen with %q:\n%s", want, s.text())
	if s.w.t.Failed() {
		s.w.t.FailNow()
	}
}

// types types a prompt and sends it when the TUI accepts input.
func (s *screen) types(prompt string) {
	s.w.t.Helper()
	s.enter(prompt, prompt)
}

// quit ends the full-screen OpenCode with Ctrl-C. If OpenCode is working, a second Ctrl-C is
// needed. quit waits before it sends the second one, because a second Ctrl-C would interrupt an
// orderly end.
func (s *screen) quit() {
	s.w.t.Helper()
	left := func() bool { return strings.TrimSpace(s.do("display-message", "-p", "#{alternate_on}")) == "0" }
	for end := time.Now().Add(patience); !left() && time.Now().Before(end); {
		s.do("send-keys", "C-c")
		for next := time.Now().Add(patience / 6); !left() && time.Now().Before(next); {
			time.Sleep(pause)
		}
	}
	s.expect("ended with 0")
}

// answered waits until the account has fully answered a turn with this prompt, and no request is
// running.
func (of openCode1) answered(label, prompt string) {
	w := of.w
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(w.t, w.service.WaitFor(ctx, func() bool {
		return w.service.InFlight() == 0 && slices.ContainsFunc(w.turns(), func(r fakeservice.Request) bool {
			return r.Account == label && r.Status == http.StatusOK && r.Outcome == fakeservice.Answered && strings.Contains(r.Prompt, prompt)
		})
	}), "%s never answered %q", label, prompt)
}

// The account is limited in the middle of a turn of a full-screen OpenCode. With replay the screen
// does not change. With restart it reappears with the conversation and continues by itself. If no
// account is left, OpenCode 1 waits. It shows our message about the pool, and not its own message,
// which recommends spending money.
func TestTUI(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	for mode, invocations := range map[string]int{"auto": 1, "restart": 2} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add(labels...)
			w.sideEffect("echo once >>effect", fakeservice.UsageLimit(fakeservice.Weekly, 12000*time.Second))
			s := w.tmux("ocgo-key run --on-429 " + mode + " -- opencode -m " + model)
			s.expect("Kimi")
			shell := s.do("list-panes", "-F", "#{pane_pid}")
			children := w.childrenOf(wrapperBelow(t, strings.TrimSpace(shell)))
			s.types("do the work")
			w.answered("Personal", "do the work")
			s.expect("Hello from Personal.")
			assert.Equal(t, "once\n", w.readProject("effect"))
			s.expect("do the work") // the screen shows the conversation
			assert.NotContains(t, s.text(), "ocgo-key:", "nobody else writes on a full screen")
			last := w.turns()[len(w.turns())-1]
			assert.Equal(t, 1, strings.Count(string(last.Body), "do the work"))
			assert.NotContains(t, string(last.Body), "Go on where", "nothing is added to the conversation")
			// The TUI still accepts a prompt and ends normally.
			s.types("and more")
			w.answered("Personal", "and more")
			s.expectTimes("Hello from Personal.", 2)
			if mode == "restart" {
				s.quit()
				s.expect("ocgo-key: on the pool: ocgo-key run -- opencode -s ses_")
			} else {
				w.limit("Personal", 3*time.Hour)
				w.limit("Spare", 48*time.Hour)
				s.types("and again")
				s.expect("All 3 accounts are used up.")
				assert.NotContains(t, s.text(), "balance")
			}
			assert.Len(t, children.names(), invocations)
		})
	}
}
