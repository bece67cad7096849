package supervise

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/process"
)

// canRestart reports whether a second invocation would go on with the work. The caller holds mu.
func (d *direct) canRestart() bool {
	switch {
	case !d.opencode, d.invocation.Kind == opencode.Other:
		return !d.answered && d.input.Again()
	case d.again():
		return d.input.Again()
	}
	return d.session != ""
}

// again reports whether the same command does the same work once more: nothing of it was answered,
// and it did not leave its prompt in a session that was there before. The caller holds mu.
func (d *direct) again() bool {
	return !d.answered && !d.invocation.Joins && (d.invocation.Kind == opencode.Run || d.session == "")
}

// restart lets what OpenCode's tools have started come to its end, then has the command invoked
// again.
func (d *direct) restart(pid int) {
	left := AwaitTools(pid)
	d.mu.Lock()
	next, err := d.next(left)
	d.mu.Unlock()
	if err != nil {
		d.notices.say("OpenCode cannot be invoked again: %v", err)
		return
	}
	order(d.orders, wrapper.Order{Next: &next})
}

// next is the command that goes on with the work; left are processes of tools that still run. The
// caller holds mu.
func (d *direct) next(left []process.Info) (wrapper.Command, error) {
	c := d.command
	switch {
	case !d.opencode, d.invocation.Kind == opencode.Other, d.again():
		var err error
		c.Stdin, err = d.input.Open()
		return c, err
	case d.invocation.Kind == opencode.Run:
		c.Argv = append([]string{c.Argv[0]}, d.invocation.ResumeRun(d.session, GoOnText(left))...)
		null, err := os.Open(os.DevNull) // the prompt that stdin held is in the session
		c.Stdin = null
		return c, err
	}
	return d.nextTUI(c)
}

// nextTUI opens the session again and makes it go on through OpenCode's own server. It listens on
// this machine only, and asks for a password.
func (d *direct) nextTUI(c wrapper.Command) (wrapper.Command, error) {
	port, err := freePort()
	if err != nil {
		return c, err
	}
	args, port := d.invocation.ResumeTUI(d.session, port)
	server := opencode.Server{Port: port, Username: getenv(c.Env, opencode.UsernameVariable), Password: getenv(c.Env, opencode.PasswordVariable)}
	if server.Username == "" {
		server.Username = opencode.DefaultUsername
	}
	if server.Password == "" {
		server.Password = newPassword()
		c.Env = setenv(c.Env, opencode.PasswordVariable, server.Password)
	}
	c.Argv = append([]string{c.Argv[0]}, args...)
	id := d.session
	d.resumed = func() {
		ctx, cancel := context.WithTimeout(context.Background(), resumeTimeout)
		defer cancel()
		// What goes wrong is on the user's screen: the conversation, waiting for the next word.
		_ = server.Continue(ctx, id)
	}
	return c, nil
}

// resumeTimeout bounds one resumed turn's request; the turn itself goes on without it.
const resumeTimeout = time.Hour

func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
