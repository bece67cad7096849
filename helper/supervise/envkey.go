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

// withKey runs a command that cannot be pointed at a gateway, with the real key in its environment.
// A limit shows only when the command gives up on it: then it is started again with the next key,
// once per account.
func (r *Run) withKey(pool *rotation.Pool, client client) (wrapper.Status, error) {
	command := r.Command
	holder, _, err := r.Hold(pool, baseName(command.Argv[0]))
	if err != nil {
		return wrapper.Status{}, err
	}
	defer holder.Release(context.Background())
	holder.Ahead = 0 // as the settings say: --ahead is for a gateway
	if client.joined() {
		command.Argv = append([]string{client.Path}, client.two.Standalone()...) // a service would keep the key
	}
	folder := r.folder()
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
			return status, nil // what the command said of its limit stands above
		}
		n.switched(rotation.Switch{From: grant.Handout, To: next, Verdict: verdict})
	}
}

// lastWords is how long the output of a command that has ended is read on, at most.
const lastWords = 500 * time.Millisecond

// maxTail is how much of a command's last output is looked at, in bytes.
const maxTail = 8 << 10

// watched runs the command and returns the end of what it wrote. Its stdout is left alone where it
// is a terminal, so that it stays one for the command.
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
	// What the command wrote is in the pipes. A process that it left behind may hold them open: it
	// is not waited for.
	for _, r := range ours {
		_ = r.SetReadDeadline(time.Now().Add(lastWords))
	}
	copies.Wait()
	for _, r := range ours {
		_ = r.Close()
	}
	return status, last.bytes(), err
}

// tail keeps the end of what is written to it.
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

// What a command that gave up on a limit says last: the service's own error, or words to that
// effect.
var (
	serviceError = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\{[^\n]*"(GoUsageLimitError|RateLimitError|AuthError|CreditsError)"[^\n]*\}`)
	})
	limitWords = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\b429\b|usage ?limit|rate[ -]?limit|too many requests`)
	})
)

// outputVerdict judges by its exit and its last words whether a command gave up on a limit. The
// words must not hold the key, which an error may repeat: the verdict's reason is kept and shown.
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
