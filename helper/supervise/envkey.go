package supervise

import (
	"context"
	"io"
	"os"
	"regexp"
	"sync"
	"time"

	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/term"
	"ocgo-key/rotation"
)

// withKey runs a command that cannot use a gateway, with the real key in its environment. When a
// limit has ended the command, withKey restarts it with the next key, once per account.
func (r *Run) withKey(pool *rotation.Pool, client client) (wrapper.Status, error) {
	command := r.Command
	holder, _, err := r.hold(pool)
	if err != nil {
		return wrapper.Status{}, err
	}
	defer holder.Release(context.Background())
	holder.Ahead = 0 // use the pool's setting, since --ahead is only for a gateway
	if client.joined() {
		command.Argv = append([]string{client.Path}, client.two.Standalone()...) // --standalone, since a shared service would keep the key
	}
	folder := r.folder(client)
	defer folder.Remove()
	if folder.Bin != "" && !client.is {
		command.Env = withPath(command.Env, folder.BeforePath)
	}
	n := &Notices{Tell: r.Tell}
	env, tried := command.Env, map[string]bool{}
	for {
		ctx, cancel := r.Budget()
		grant, err := holder.Current(ctx, nil)
		cancel()
		if err != nil {
			return wrapper.Status{}, err
		}
		tried[grant.ID] = true
		command.Env = append(unsetenv(env, keyVariable), grant.Entry(keyVariable))
		status, said, err := watched(command)
		if err != nil {
			return status, err
		}
		verdict := outputVerdict(status, grant.Redact(said), time.Now())
		if !verdict.Failover() {
			return status, nil
		}
		next, err := holder.Leave(context.Background(), grant, verdict)
		if err != nil || tried[next.ID] {
			return status, nil // no error is needed, since the command has printed the limit
		}
		n.switched(rotation.Switch{From: grant.Handout, To: next, Verdict: verdict})
	}
}

// lastWords is how long the output of a command is still read after its end.
const lastWords = 500 * time.Millisecond

// maxTail is how much of the end of the output is searched for a limit, in bytes.
const maxTail = 8 << 10

// watched runs the command and returns the end of its output. If stdout is a terminal, the command
// writes to it directly, and that output is not read.
func watched(command wrapper.Command) (wrapper.Status, []byte, error) {
	last := &tail{}
	var copies sync.WaitGroup
	var ours []*os.File
	tee := func(to *os.File) *os.File {
		if to == os.Stdout && term.IsTerminal(to) {
			return nil
		}
		r, w, err := os.Pipe()
		if err != nil {
			return nil
		}
		ours = append(ours, r)
		copies.Go(func() { _, _ = io.Copy(io.MultiWriter(to, last), r) })
		return w
	}
	command.Stdout, command.Stderr = tee(os.Stdout), tee(os.Stderr)
	status, _, err := wrapper.Run(command, wrapper.Options{})
	// Read the rest of the output. A process that the command left behind may keep the pipes open,
	// so this has a time limit.
	for _, r := range ours {
		_ = r.SetReadDeadline(time.Now().Add(lastWords))
	}
	copies.Wait()
	for _, r := range ours {
		_ = r.Close()
	}
	return status, last.bytes(), err
}

// tail keeps the last maxTail bytes that were written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if over := len(t.end) - maxTail; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end
}

// Patterns that show, in the last output of a command, that the command ended because of a limit.
// They match the service's own error, or a description of a limit.
var (
	serviceError = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\{[^\n]*"(GoUsageLimitError|RateLimitError|AuthError|CreditsError)"[^\n]*\}`)
	})
	limitWords = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\b429\b|usage ?limit|rate[ -]?limit|too many requests`)
	})
)

// outputVerdict decides from the status and the last output of a command whether a limit has ended
// it. said is that output. It must not contain the key, because the verdict's reason is stored and
// shown.
func outputVerdict(status wrapper.Status, said []byte, now time.Time) rotation.Verdict {
	if status.Code == 0 || status.Signal != 0 {
		return rotation.Verdict{}
	}
	if body := serviceError().Find(said); body != nil {
		if v := rotation.ClassifyEvent(rotation.Answer{Body: body}, now); v.Failover() {
			return v
		}
	}
	if limitWords().Match(said) {
		return rotation.Classify(rotation.Answer{Status: 429}, now)
	}
	return rotation.Verdict{}
}
