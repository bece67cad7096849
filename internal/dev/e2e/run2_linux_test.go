package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// run2 prepares `opencode run` with the pool; flags are those of `ocgo-key run`.
func (of openCode2) run2(prompt string, flags ...string) *command {
	w := of.w
	w.t.Helper()
	args := append(append([]string{"run"}, flags...), "--", "opencode", "run", "--auto", "-m", model, prompt)
	return w.command("ocgo-key", args...)
}

// suspended returns the sessions in OpenCode 2's database that the next start of a service would
// resume.
func (of openCode2) suspended() string {
	w := of.w
	w.t.Helper()
	c := w.command("sqlite3", filepath.Join(w.home, ".local/share/opencode/opencode.db"), "select id from session_v2 where time_suspended is not null").run().ok()
	return c.stdout.String()
}

// noService checks that no shared service runs.
func (of openCode2) noService() {
	w := of.w
	w.t.Helper()
	assert.NoFileExists(w.t, filepath.Join(w.home, ".local/state/opencode/service.json"), "a shared service was started")
}

// noFolders checks that no temporary folder of a run is left.
func (of openCode2) noFolders() {
	w := of.w
	w.t.Helper()
	left, err := filepath.Glob(filepath.Join(filepath.Dir(w.home), "tmp", "ocgo-key-run-*"))
	require.NoError(w.t, err)
	assert.Empty(w.t, left)
}

// This is the main use with OpenCode 2, in several variants. The pool answers, and no service is
// started. The result is the same with a running service, with a key in a variable or in the
// database, and with the user's own address for one model. OpenCode without ocgo-key works as
// before.
func TestRun2(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add(labels...)
	w.limit("Work", 12000*time.Second)
	c := w.whole().run2("say hi").run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Personal.")
	require.Len(t, c.ours(), 1, c.stderr.String())
	assert.Regexp(t, `^Work hit its weekly limit \(back .*\); now Personal$`, c.ours()[0])
	w.noService()

	// COMMAND may also be a shell that runs OpenCode, or a command that needs no answer.
	c = w.command("ocgo-key", "run", "--", "sh", "-c", `opencode run --auto -m `+model+` "say hi"; opencode stats; env`).run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Spare.")
	assert.Contains(t, c.stdout.String(), "opencode stats")
	assert.NotContains(t, c.stdout.String(), "OPENCODE_CONFIG_CONTENT")
	w.noService()
	w.noFolders()

	// This opencode is not under `run`, so it uses the shared service.
	w.service.AddAccount(fakeservice.Account{Key: "sk-foreign", Label: "Foreign"})
	models := `"models": {"kimi-k2.6": {"settings": {"baseURL": "` + w.service.BaseURL() + `", "apiKey": "sk-foreign"}}}`
	w.configure2(`{"providers": {"opencode-go": {` + models + `}}}`)
	w.command("opencode", "service", "start").run().ok()
	w.store2("sk-foreign")
	w.configure2(`{"providers": {"opencode-go": {"settings": {"baseURL": "` + w.service.BaseURL() + `"}, ` + models + `}}}`)
	assert.Equal(t, "Foreign", w.answers("say hi"), "as before us")
	service := w.service2()
	w.service.ClearRequests()
	foreign := w.with("OPENCODE_API_KEY=sk-foreign")
	assert.Contains(t, foreign.run2("say hi").run().ok().stdout.String(), "Hello from Personal.")
	c = foreign.command("ocgo-key", "run", "--", "sh", "-c", `opencode run --auto -m `+model+` "say hi"`).run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Spare.")
	assert.False(t, w.wasAsked("Foreign"))
	assert.Equal(t, "Foreign", w.answers("say hi"), "and as before us again")
	assert.Equal(t, service, w.service2(), "the same service all the time")
	assert.Empty(t, w.suspended())
}

// If an agent runs opencode in its shell, that opencode uses the gateway of the run and starts no
// service.
func TestRun2InAnAgentsShell(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work", "Personal")
	w.sideEffect(`env >seen; ocgo-key get >>seen 2>&1; opencode run --auto -m `+model+` "the nested one" >nested 2>&1; echo $? >>nested`, fakeservice.OK())
	own := `{"username": "the user"}`
	c := w.with("OPENCODE_CONFIG_CONTENT=" + own).run2("do the work").run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Work.")
	seen := w.readProject("seen")
	assert.Contains(t, seen, "OCGO_KEY_AGENT_SHELL=1\n")
	assert.Contains(t, seen, "\nOPENCODE_CONFIG_CONTENT="+own+"\n", "the user's own")
	assert.NotContains(t, seen, "ocgo-placeholder")
	assert.Contains(t, seen, "an agent's shell may not get a key")
	nested := w.readProject("nested")
	assert.Contains(t, nested, "Hello from Work.", "on the account of the outer one")
	assert.True(t, strings.HasSuffix(nested, "0\n"), nested)
	assert.False(t, w.wasAsked("Personal"))
	w.noService()
	turns := 0
	for _, r := range w.turns() {
		if strings.Contains(r.Prompt, "do the work") {
			turns++
		}
	}
	assert.Equal(t, 2, turns, "no turn is done twice")
	w.noFolders()
}

// A shell between two runs passes no signal on. The inner run ends by itself when the outer run is
// gone, and leaves no turn that a service would resume.
func TestRun2WithinARunThatIsKilled(t *testing.T) {
	t.Parallel()
	mark := "OCGO_KEY_TEST_MARK=" + t.Name() + t.TempDir()
	w := newWorld2(t)
	w.add("Work")
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{Answers: []fakeservice.Answer{fakeservice.Stalled(-1)}})
	asked := make(chan struct{}, 10)
	w.whileRequests(func() {
		select {
		case asked <- struct{}{}:
		default:
		}
	})
	c := w.with(mark).command("ocgo-key", "run", "--", "sh", "-c", "opencode run --auto -m "+model+" 'do the work'; true")
	c.Stdout, c.Stderr = nil, nil
	require.NoError(t, c.Start())
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("nothing is asked of the service")
	}
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.end()
	assert.Eventually(t, func() bool { return len(processesWith(t, mark)) == 0 }, patience, pause)
	assert.Empty(t, w.suspended())
	w.noService()
	w.noFolders()
}

// The turn has already run a tool when it hits the limit, and OpenCode is restarted. The tool's
// side effect happens once, and the turn succeeds. TestRun2TUI/auto tests it without a restart.
func TestRun2RestartInTheMiddleOfATurn(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work", "Personal")
	w.sideEffect("echo once >>effect", fakeservice.UsageLimit(fakeservice.Weekly, 12000*time.Second))
	c := w.run2("do the work", "--on-429", "restart").run().ok()
	c.continuedOnPersonal()
	assert.Empty(t, w.suspended())
	w.noService()
}

// When all accounts are used up, run says once until when, and the gateway holds the request until
// an account is ready. Here that is early, because the test adds an account.
func TestRun2Waits(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work")
	// OpenCode requests the title and the answer at the same time. Only the request for the answer
	// hits the limit, so there is one switch.
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true,
		Limits: []fakeservice.Limit{{Window: fakeservice.Weekly, Until: time.Now().Add(time.Hour)}}})
	c := w.run2("say hi")
	c.waitsForPersonal()
	assert.Equal(t, 1, strings.Count(c.stderr.String(), "used up"), c.stderr.String())
	turns := w.turns()
	assert.Equal(t, 1, strings.Count(string(turns[len(turns)-1].Body), "say hi"))
	assert.Equal(t, []string{"Work", "Personal"}, w.asked(), "one request, which was held")
	w.noService()
}

// If --max-wait is too short, run exits with 75 at once.
func TestRun2MaxWait(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work")
	w.limit("Work", time.Hour)
	c := w.run2("say hi", "--max-wait", "1m").run()
	assert.Equal(t, 75, c.code(), c.stderr.String())
	assert.Contains(t, c.stderr.String(), "it is back")
	assert.Empty(t, w.suspended(), "nothing is left for a service to take up")

	// If the user ends the run, no process and no turn remain either.
	w.command("ocgo-key", "enable", "Work").run()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true, Answers: []fakeservice.Answer{{Stall: -1}}})
		require.NoError(t, os.RemoveAll(filepath.Join(w.home, ".local/state/ocgo-key")))
		w.add("Work")
		w.service.ClearRequests()
		c := w.run2("say hi")
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		require.NoError(t, c.Start())
		require.Eventually(t, func() bool { return len(w.turns()) == 1 }, patience, pause)
		to := c.Process.Pid
		if signal == syscall.SIGINT {
			to = -to // to the process group, as a terminal does
		}
		require.NoError(t, syscall.Kill(to, signal))
		c.end()
		assert.Equal(t, 130, c.code(), "as OpenCode ends: %v", c.ProcessState)
		assert.Empty(t, w.suspended(), "%v", signal)
	}
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{})
	w.service.ClearRequests()
	w.command("opencode", "service", "start").run().ok()
	w.noFolders()
	assert.Empty(t, w.turns(), "a service that starts takes nothing up")
}

// The full screen of OpenCode 2 shows a switch as a toast. With restart the turn is interrupted and
// continued, and the screen stays. After the end, one line reports the switch.
func TestRun2TUI(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"auto", "restart"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld2(t)
			w.add("Work", "Personal")
			w.sideEffect("echo once >>effect", fakeservice.UsageLimit(fakeservice.Weekly, 12000*time.Second))
			w.configure2(`{"model": "` + model + `", "permission": "allow"}`)
			s := w.tmux("ocgo-key run --on-429 " + mode + " -- opencode --auto")
			s.expect("Kimi")
			s.types("do the work")
			s.expect("Work hit its")
			s.expect("Hello from Personal.")
			s.quit()
			s.expect("ocgo-key: Work hit its weekly limit")
			s.expect("ocgo-key: on the pool: ocgo-key run -- opencode -s ses_")
			assert.Equal(t, 2, strings.Count(s.text(), "ocgo-key: "), s.text())
			w.turnContinued()
			assert.Empty(t, w.suspended())
			w.noService()
		})
	}
}

// When all accounts are used up, the full screen shows when Work will be ready. Esc Esc ends a
// request that is held or streaming.
func TestRun2TUIUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work")
	w.limit("Work", 3*time.Hour)
	w.configure2(`{"model": "` + model + `", "permission": "allow"}`)
	s := w.tmux("ocgo-key run -- opencode --auto")
	s.expect("Kimi")
	s.types("say hi")
	s.expect("Work is used up.")
	escape := func() {
		s.expect("esc interrupt")
		s.fill(func() {
			s.do("send-keys", "Escape") // the screen may not accept the first Esc yet
			for end := time.Now().Add(patience / 20); time.Now().Before(end); time.Sleep(pause) {
				if strings.Contains(s.text(), "esc again") {
					s.do("send-keys", "Escape")
					return
				}
			}
		}, func(text string) bool {
			return !strings.Contains(text, "esc interrupt") && !strings.Contains(text, "esc again")
		})
	}
	escape()

	// The account is ready again, and its answer does not end.
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true, Answers: []fakeservice.Answer{fakeservice.Slow(-1)}})
	w.command("ocgo-key", "enable", "Work").run().ok()
	before := len(w.turns())
	s.types("and again")
	require.Eventually(t, func() bool { return len(w.turns()) > before && w.service.InFlight() > 0 }, patience, pause)
	escape()
	require.Eventually(t, func() bool { return w.service.InFlight() == 0 }, patience, pause, "the request goes on")
	turns := w.turns()
	assert.Equal(t, fakeservice.Gone, turns[len(turns)-1].Outcome)
	s.quit()
	assert.Empty(t, w.suspended())
	w.noService()
}
