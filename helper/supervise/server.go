package supervise

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/secure"
)

const (
	// startTime is how long OpenCode's server may take to say where it listens: 0.6 s, and far more
	// on a busy machine.
	startTime = 90 * time.Second
	// quietTime bounds the questions by which turns are interrupted before the server ends.
	quietTime = 5 * time.Second
	// endTime is how long the server may take to end once its stdin is closed, before it is killed.
	endTime = 5 * time.Second
	// maxLine bounds what the server says first, in bytes.
	maxLine = 64 << 10
)

// errServer is a server that did not come up. Its own words are not repeated: they may hold any
// part of its environment.
var errServer = errors.New("OpenCode's server did not start")

// server is an OpenCode 2 server that nobody uses but one run's client. It ends with its stdin, so
// with us, however we end.
type server struct {
	opencode.Server2
	pid   int
	stdin *os.File
	ended chan struct{}
	cmd   *exec.Cmd
}

// startServer starts program as a server in the environment env and returns when it listens. Its
// logs go to stderr.
func startServer(ctx context.Context, program string, args, env []string, stderr io.Writer) (*server, error) {
	ours, theirs, err := pipe()
	if err != nil {
		return nil, err
	}
	s := &server{stdin: ours, ended: make(chan struct{})}
	s.Password = newPassword()
	s.cmd = exec.Command(program, args...)
	s.cmd.Env = setenv(env, opencode.Password2Variable, s.Password)
	s.cmd.Stdin, s.cmd.Stderr, s.cmd.SysProcAttr = theirs, stderr, apart()
	s.cmd.WaitDelay = endTime // for a tool's process that has kept the pipe
	said := &firstLine{line: make(chan []byte, 1)}
	s.cmd.Stdout = said
	err = secure.WithUserLimits(s.cmd.Start)
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("%w: %w", errServer, err)
	}
	s.pid = s.cmd.Process.Pid
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case line := <-said.line:
		if s.URL = opencode.ServeURL(line); s.URL != "" {
			return s, nil
		}
		err = fmt.Errorf("%w: it does not say its address", errServer)
	case <-s.ended:
		err = fmt.Errorf("%w: it ended with %s", errServer, s.cmd.ProcessState)
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", errServer, context.Cause(ctx))
	}
	s.close()
	return nil, err
}

// stop interrupts the turns that are under way, whose client is gone: else the next start of a
// service would take them up again, behind the user's back. Then it ends the server.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), quietTime)
	defer cancel()
	_ = s.InterruptAll(ctx) // of a server that is gone already nothing can be had
	s.close()
}

// close ends the server and waits for its end.
func (s *server) close() {
	_ = s.stdin.Close()
	select {
	case <-s.ended:
	case <-time.After(endTime):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// pipe returns our end of a pipe to a child's stdin, and the child's.
func pipe() (ours, theirs *os.File, err error) {
	theirs, ours, err = os.Pipe()
	return ours, theirs, err
}

// firstLine passes on the first line that is written, and drops all else.
type firstLine struct {
	mu   sync.Mutex
	text []byte
	done bool
	line chan []byte
}

func (f *firstLine) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return len(p), nil
	}
	f.text = append(f.text, p...)
	advance, line, _ := bufio.ScanLines(f.text, false)
	if advance > 0 || len(f.text) > maxLine {
		f.done = true
		f.line <- line
		f.text = nil
	}
	return len(p), nil
}

func newPassword() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}
