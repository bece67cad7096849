//go:build unix

package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/rotation"
)

const patience = time.Minute

// fakePool is a pool with two accounts. If exhausted is not nil, none is ready.
type fakePool struct{ exhausted error }

func (p *fakePool) Exhaustion(context.Context, rotation.Ask) error { return p.exhausted }
func (p *fakePool) Overview(context.Context) (rotation.Overview, error) {
	return rotation.Overview{Accounts: make([]rotation.View, 2)}, nil
}

// A trial is a run in which this program acts as OpenCode 2.
type trial struct {
	*OpenCode2
	t      *testing.T
	folder string
}

func newTrial(t *testing.T, line string, server ...string) *trial {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	command, err := opencode.Parse2(strings.Fields(line), func(string) bool { return false })
	require.NoError(t, err)
	folder := t.TempDir()
	env := append(os.Environ(), roleVariable+"="+folder, "GORACE=atexit_sleep_ms=0")
	stdin, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { _ = stdin.Close() })
	return &trial{t: t, folder: folder, OpenCode2: &OpenCode2{
		Program: self, Command: command, Pool: &fakePool{}, progress: progress{mode: "auto"}, Stdin: stdin,
		Server: append(append(env, "OPENCODE_CONFIG_CONTENT=ours"), server...), Client: append(env, "OPENCODE_CONFIG_CONTENT=users"),
	}}
}

func (r *trial) notes() string {
	content, err := os.ReadFile(filepath.Join(r.folder, "notes"))
	if err != nil {
		return ""
	}
	return string(content)
}

// once calls act when a line appears in the notes.
func (r *trial) once(line string, act func()) {
	go func() {
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if strings.Contains(r.notes(), line) {
				act()
				return
			}
		}
	}()
}

// knows informs the run of a session, as a request with this session does.
func (r *trial) knows(session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.session = session
}

var (
	work, personal = rotation.Handout{ID: "1", Label: "Work"}, rotation.Handout{ID: "2", Label: "Personal"}
	toPersonal     = rotation.Switch{From: work, To: personal}
)

func TestClientRunsOnAServerOfItsOwn(t *testing.T) {
	r := newTrial(t, "run -m a/b hi")
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, wrapper.Status{}, status)
	assert.Equal(t, "client run|--server|URL|-m|a/b|hi||users\nserver ends with 0 turns\n", r.notes(), "only the server has the gateway's configuration")
}

func TestTurnsAreInterruptedBeforeTheServerEnds(t *testing.T) {
	r := newTrial(t, "run leave")
	r.mode = Replay
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, 4, status.Code)
	assert.Equal(t, "client run|--server|URL|leave||users\ninterrupt ses_1\nserver ends with 0 turns\n", r.notes())
}

func TestTERMInterruptsTheTurn(t *testing.T) {
	r := newTrial(t, "run stay")
	r.once("staying", func() { _ = syscall.Kill(os.Getpid(), syscall.SIGTERM) })
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, 130, status.Code)
	assert.True(t, strings.HasSuffix(r.notes(), "staying\ninterrupt ses_1\nserver ends with 0 turns\n"), r.notes())
}

// If the outer run is killed, nothing sends a signal to the inner run. The inner run ends because
// the outer gateway does not answer any more.
func TestTheLossOfTheGatewayEndsTheRun(t *testing.T) {
	for line, test := range map[string]struct {
		server, once, notes string
		status              wrapper.Status
	}{
		"run stay": {once: "staying", notes: "staying\ninterrupt ses_1\nserver ends with 0 turns\n", status: wrapper.Status{Code: 130}},
		"run hi": {server: "SUPERVISE_TEST_SERVER=mute", once: "mute", notes: "mute\nserver ends with 0 turns\n",
			status: wrapper.Status{Code: 143, Signal: syscall.SIGTERM}},
	} {
		lost := make(chan struct{})
		r := newTrial(t, line, test.server)
		r.mode, r.Pool, r.Lost = Replay, nil, lost
		r.once(test.once, func() { close(lost) })
		status, err := r.Run()
		require.NoError(t, err)
		assert.Equal(t, test.status, status)
		assert.True(t, strings.HasSuffix(r.notes(), test.notes), r.notes())
	}
}

func TestASignalBeforeTheServerIsUp(t *testing.T) {
	r := newTrial(t, "run hi", "SUPERVISE_TEST_SERVER=mute")
	r.once("mute", func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, wrapper.Status{Code: 130, Signal: syscall.SIGINT}, status)
	assert.Equal(t, "mute\nserver ends with 0 turns\n", r.notes())
}

// A signal ends the run while it reads a prompt from an open pipe, before anything was started.
func TestASignalWhileTheInputIsRead(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		stdin, theirs, err := os.Pipe()
		require.NoError(t, err)
		r := newTrial(t, "run hi")
		r.Stdin = stdin
		// The data is larger than a pipe's buffer, so the write ends only when the run reads. By
		// then the run catches signals.
		go func() {
			_, _ = theirs.Write(make([]byte, 1<<20))
			_ = syscall.Kill(os.Getpid(), s)
		}()
		ended := make(chan wrapper.Status, 1)
		go func() {
			status, _ := r.Run()
			ended <- status
		}()
		select {
		case status := <-ended:
			assert.Equal(t, wrapper.Status{Code: 128 + int(s), Signal: s}, status)
		case <-time.After(patience):
			t.Error("the signal did not end the run")
		}
		assert.Empty(t, r.notes())
		require.NoError(t, theirs.Close())
	}
}

func TestAServerThatDoesNotStart(t *testing.T) {
	for role, says := range map[string]string{"fails": "it ended with exit status 3", "elsewhere": "it printed no address"} {
		r := newTrial(t, "run hi", "SUPERVISE_TEST_SERVER="+role)
		_, err := r.Run()
		require.ErrorIs(t, err, errServer)
		assert.ErrorContains(t, err, says)
		assert.NotContains(t, r.notes(), "client")
	}
}

// Mode restart, before an answer: the unanswered session is deleted, and the same command starts
// again.
func TestRestartFromTheBeginning(t *testing.T) {
	r := newTrial(t, "run stay")
	r.mode = Restart
	r.knows("ses_1")
	r.once("staying", func() {
		r.mu.Lock()
		r.Command, _ = opencode.Parse2([]string{"run", "hi"}, nil) // the client of the second invocation ends
		r.mu.Unlock()
		assert.True(t, r.limited())
		assert.True(t, r.limited(), "another request of the same turn must wait as well")
	})
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, wrapper.Status{}, status)
	assert.Equal(t, "client run|--server|URL|stay||users\nstaying\ninterrupt ses_1\ndelete ses_1\n"+
		"client run|--server|URL|hi||users\nserver ends with 0 turns\n", r.notes())
}

// Mode restart, after an answer: the session is resumed, and the prompt is not repeated.
func TestRestartResumes(t *testing.T) {
	r := newTrial(t, "run -m a/b stay")
	r.mode = Restart
	r.knows("ses_1")
	r.answered = true
	r.once("staying", func() { assert.True(t, r.limited()) })
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, wrapper.Status{}, status)
	assert.Equal(t, "client run|--server|URL|-m|a/b|stay||users\nstaying\ninterrupt ses_1\n"+
		"client run|--server|URL|-m|a/b|--session|ses_1|"+opencode.GoOn+"||users\nserver ends with 0 turns\n", r.notes())
}

// Mode restart with a full screen: the turn is interrupted and continued without a new prompt, and
// the client keeps running.
func TestRestartUnderAFullScreen(t *testing.T) {
	r := newTrial(t, "--prompt stay")
	r.mode = Restart
	r.knows("ses_1")
	r.once("staying", func() { assert.True(t, r.limited()) })
	r.once(`prompt ses_1 {"text":""}`, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGTERM) })
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, 130, status.Code)
	assert.Equal(t, "client --server|URL|--prompt|stay||users\nstaying\ninterrupt ses_1\nprompt ses_1 {\"text\":\"\"}\nserver ends with 0 turns\n", r.notes())
}

// A waiting turn is not interrupted for inactivity, and its session's metadata do not change.
func TestTurnIsKeptAlive(t *testing.T) {
	r := newTrial(t, "run stay")
	r.keepAliveEvery = time.Millisecond
	r.once(`patch ses_1 {"metadata":{"of":"a plugin"}}`, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGTERM) })
	_, err := r.Run()
	require.NoError(t, err)
}

// limited reports a limit to the run, and returns whether the request must wait.
func (r *trial) limited() bool {
	return r.Observer(gateway.Observer{}).Limited(&gateway.Exchange{}, toPersonal)
}

// If a usage limit ended a run of OpenCode, it is restarted, except in mode replay.
func TestOverLimit(t *testing.T) {
	r := newTrial(t, "run over-limit")
	r.Command.Joins = true // so that the session is resumed, not started again
	r.knows("ses_1")
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, wrapper.Status{}, status)
	assert.Equal(t, "client run|--server|URL|over-limit||users\nfailing\nclient run|--server|URL|--session|ses_1|"+opencode.GoOn+
		"||users\nserver ends with 0 turns\n", r.notes())

	r = newTrial(t, "run over-limit")
	r.mode = Replay
	r.knows("ses_1")
	status, err = r.Run()
	require.NoError(t, err)
	assert.Equal(t, 1, status.Code)
	assert.Equal(t, 1, strings.Count(r.notes(), "client "))
}

// A command without an answer is restarted once for each account, and no more.
func TestOverLimitForGood(t *testing.T) {
	r := newTrial(t, "run over-limit")
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() { // the first request of each invocation names the session
		for ; ; time.Sleep(time.Millisecond) {
			select {
			case <-done:
				return
			default:
				r.knows("ses_1")
			}
		}
	}()
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, 1, status.Code)
	assert.Equal(t, 3, strings.Count(r.notes(), "client "), r.notes())
	assert.Equal(t, 2, strings.Count(r.notes(), "delete ses_1"), r.notes())
}

// If no account is ready, the request of the restarted command waits, unless that takes too long.
func TestOverLimitWithNoAccount(t *testing.T) {
	for _, test := range []struct {
		until       time.Time
		maxWait     time.Duration
		invocations int
		gaveUp      bool
	}{
		{until: time.Now().Add(time.Hour), maxWait: 2 * time.Hour, invocations: 2},
		{until: time.Now().Add(time.Hour), maxWait: time.Minute, invocations: 1, gaveUp: true},
		{until: time.Time{}, maxWait: time.Minute, invocations: 1, gaveUp: true},
	} {
		r := newTrial(t, "run over-limit")
		r.Command.Joins = true
		r.knows("ses_1")
		r.maxWait, r.Pool = &test.maxWait, &fakePool{exhausted: &rotation.ExhaustedError{Until: test.until}}
		_, err := r.Run()
		assert.Equal(t, test.gaveUp, err != nil, "%v", err)
		assert.Equal(t, test.invocations, strings.Count(r.notes(), "client "), r.notes())
	}
}

// A command that fails for another reason is not restarted.
func TestOtherFailuresAreNoLimit(t *testing.T) {
	r := newTrial(t, "run leave")
	r.knows("ses_1")
	status, err := r.Run()
	require.NoError(t, err)
	assert.Equal(t, 4, status.Code)
	assert.Equal(t, 1, strings.Count(r.notes(), "client "))
}

func TestGivesUpIfTheWaitIsTooLong(t *testing.T) {
	r := newTrial(t, "run stay")
	wait := time.Minute
	r.maxWait = &wait
	e := &rotation.ExhaustedError{Until: time.Now().Add(time.Hour)}
	notices := 0
	o := r.Observer(gateway.Observer{Exhausted: func(*gateway.Exchange, *rotation.ExhaustedError) { notices++ }})
	r.once("staying", func() { o.Exhausted(&gateway.Exchange{}, e) })
	_, err := r.Run()
	gaveUp, ok := errors.AsType[*rotation.ExhaustedError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, e, gaveUp)
	assert.Zero(t, notices, "the error is shown once, at the end")
	assert.True(t, strings.HasSuffix(r.notes(), "staying\ninterrupt ses_1\nserver ends with 0 turns\n"), r.notes())
}

func TestWaitsIfAnAccountReturnsInTime(t *testing.T) {
	r := newTrial(t, "run hi")
	wait := 2 * time.Hour
	r.maxWait = &wait
	notices := 0
	o := r.Observer(gateway.Observer{Exhausted: func(*gateway.Exchange, *rotation.ExhaustedError) { notices++ }})
	o.Exhausted(&gateway.Exchange{}, &rotation.ExhaustedError{Until: time.Now().Add(time.Hour)})
	assert.Equal(t, 1, notices)
	assert.Nil(t, r.gaveUp)
}
