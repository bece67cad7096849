package supervise

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/secure"
)

const (
	// startTime is how long OpenCode's server may take to print its address. It usually takes 0.6
	// s, but far more on a busy machine.
	startTime = 90 * time.Second
	// quietTime is the time limit of the requests that interrupt turns before the server ends.
	quietTime = 5 * time.Second
	// endTime is how long the server may take to end after its stdin is closed, before it is killed.
	endTime = 5 * time.Second
	// maxLine is the greatest length of the first line of the server's output, in bytes.
	maxLine = 64 << 10
)

// errServer means that the server did not start. The error does not quote the server's output,
// which may contain any part of its environment.
var errServer = errors.New("OpenCode's server did not start")

// server is an OpenCode 2 server that only the client of one run uses. It ends when its stdin is
// closed. So it ends with this process, even if this process is killed.
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
	path, argv, err := wrapper.Resolve(append([]string{program}, args...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errServer, err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &server{stdin: ours, ended: make(chan struct{}), cmd: &exec.Cmd{Path: path, Args: argv}}
	s.Password = rand.Text()
	output, stdout := io.Pipe()
	s.cmd.Env = setenv(env, opencode.Password2Variable, s.Password)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr, s.cmd.SysProcAttr = theirs, stdout, stderr, detached()
	s.cmd.WaitDelay = endTime // a tool's process may keep the pipe open
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
		_ = stdout.Close()
	}()
	first := make(chan []byte, 1)
	go func() {
		line, err := bufio.NewReaderSize(output, maxLine).ReadSlice('\n')
		if !errors.Is(err, io.EOF) {
			first <- line
		}
		_, _ = io.Copy(io.Discard, output)
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case line := <-first:
		if s.URL = opencode.ServeURL(line); s.URL != "" {
			return s, nil
		}
		err = fmt.Errorf("%w: it printed no address", errServer)
	case <-s.ended:
		err = fmt.Errorf("%w: it ended with %s", errServer, s.cmd.ProcessState)
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", errServer, context.Cause(ctx))
	}
	s.close()
	return nil, err
}

// stop interrupts the running turns, whose client has ended, and then ends the server. Turns that
// are not interrupted would be resumed by the next service that starts.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), quietTime)
	defer cancel()
	_ = s.InterruptAll(ctx) // fails if the server has ended already
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
