package supervise

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"os"
	"strconv"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/process"
)

// canRestart reports whether a second invocation would continue the work. The caller holds mu.
func (d *direct) canRestart() bool {
	switch {
	case d.client.one.Kind == opencode.Other:
		return !d.answered && d.input.Again()
	case d.again():
		return d.input.Again()
	}
	return d.session != ""
}

// again reports whether OpenCode can start again with the same command: nothing was answered, and
// the command does not continue an earlier session. The caller holds mu.
func (d *direct) again() bool {
	return !d.answered && !d.client.one.Joins && (d.client.one.Kind == opencode.Run || d.session == "")
}

// restart waits for the commands of OpenCode's tools, then restarts OpenCode.
func (d *direct) restart() {
	d.mu.Lock()
	pid := d.pid
	d.mu.Unlock()
	left := awaitTools(pid)
	d.mu.Lock()
	next, err := d.next(left)
	d.mu.Unlock()
	if err != nil {
		d.notices.say("OpenCode cannot be invoked again: %v", err)
		return
	}
	d.order(wrapper.Order{Next: &next})
}

// next returns the command that continues the work. left are the processes of tools that still run.
// The caller holds mu.
func (d *direct) next(left []process.Info) (c wrapper.Command, err error) {
	c = d.command
	switch kind := d.client.one.Kind; {
	case kind == opencode.Other, d.again():
		c.Stdin, err = d.input.Open()
	case kind == opencode.Run:
		c.Argv = append(c.Argv[:1:1], d.client.one.ResumeRun(d.session, continueText(left))...)
		c.Stdin, err = os.Open(os.DevNull) // the prompt from stdin is in the session
	default:
		err = d.resumeTUI(&c)
	}
	return c, err
}

// resumeTUI changes c so that it reopens the session and continues it through OpenCode's own
// server. The server listens on this machine only, and requires a password.
func (d *direct) resumeTUI(c *wrapper.Command) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	args, port := d.client.one.ResumeTUI(d.session, port)
	server := opencode.Server{Port: port,
		Username: cmp.Or(getenv(c.Env, opencode.UsernameVariable), opencode.DefaultUsername),
		Password: cmp.Or(getenv(c.Env, opencode.PasswordVariable), rand.Text())}
	c.Env = setenv(c.Env, opencode.PasswordVariable, server.Password)
	c.Argv = append(c.Argv[:1:1], args...)
	id := d.session
	d.resumed = func() {
		ctx, cancel := context.WithTimeout(context.Background(), resumeTimeout)
		defer cancel()
		_ = server.Continue(ctx, id) // on failure the screen shows the conversation, and waits for the user
	}
	return nil
}

// resumeTimeout is the time limit of the request for one resumed turn. The turn continues without
// the request.
const resumeTimeout = time.Hour

func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
