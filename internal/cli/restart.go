package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"os"
	"strconv"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/supervise"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/process"
)

// Ways to meet a limit, as --on-429 names them. The third is auto: replay, and restart where that did not help.
const (
	replay  = "replay"
	restart = "restart"
)

// canRestart tells whether a second invocation would go on with the work. The caller holds mu.
func (s *session) canRestart() bool {
	switch {
	case !s.opencode, s.invocation.Kind == opencode.Other:
		return !s.answered && s.input.Again()
	case s.again():
		return s.input.Again()
	}
	return s.id != ""
}

// again tells whether the same command does the same work once more: nothing of it was answered, and it did not
// leave its prompt in a session that was there before. The caller holds mu.
func (s *session) again() bool {
	return !s.answered && !s.invocation.Joins && (s.invocation.Kind == opencode.Run || s.id == "")
}

// restart lets what OpenCode's tools have started come to its end, then has the command invoked again.
func (s *session) restart(pid int) {
	left := supervise.AwaitTools(pid)
	s.mu.Lock()
	next, err := s.next(left)
	s.mu.Unlock()
	if err != nil {
		s.say("OpenCode cannot be invoked again: %v", err)
		return
	}
	s.order(wrapper.Order{Next: &next})
}

// next is the command that goes on with the work; left are processes of tools that still run. The caller holds mu.
func (s *session) next(left []process.Info) (wrapper.Command, error) {
	c := s.command
	switch {
	case !s.opencode, s.invocation.Kind == opencode.Other, s.again():
		var err error
		c.Stdin, err = s.input.Open()
		return c, err
	case s.invocation.Kind == opencode.Run:
		c.Argv = append([]string{c.Argv[0]}, s.invocation.ResumeRun(s.id, supervise.GoOnText(left))...)
		null, err := os.Open(os.DevNull) // the prompt that stdin held is in the session
		c.Stdin = null
		return c, err
	}
	return s.nextTUI(c)
}

// nextTUI opens the session again and makes it go on through OpenCode's own server. It listens on this machine
// only, and asks for a password.
func (s *session) nextTUI(c wrapper.Command) (wrapper.Command, error) {
	port, err := freePort()
	if err != nil {
		return c, err
	}
	args, port := s.invocation.ResumeTUI(s.id, port)
	server := opencode.Server{Port: port, Username: getenv(c.Env, opencode.UsernameVariable), Password: getenv(c.Env, opencode.PasswordVariable)}
	if server.Username == "" {
		server.Username = opencode.DefaultUsername
	}
	if server.Password == "" {
		server.Password = newPassword()
		c.Env = setenv(c.Env, opencode.PasswordVariable, server.Password)
	}
	c.Argv = append([]string{c.Argv[0]}, args...)
	id := s.id
	s.resumed = func() {
		ctx, cancel := context.WithTimeout(context.Background(), resumeTimeout)
		defer cancel()
		// What goes wrong is on the user's screen: the conversation, waiting for the next word.
		_ = server.Continue(ctx, id)
	}
	return c, nil
}

// resumeTimeout bounds one resumed turn's request; the turn itself goes on without it.
const resumeTimeout = time.Hour

func newPassword() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
