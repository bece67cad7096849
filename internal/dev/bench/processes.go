package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// accounts is the number of accounts in the benchmarks' pool.
const accounts = 10

// processes has the processes of the gateway section: the service, the bare proxy and the gateway.
type processes struct {
	*scratch
	home     home
	upstream *child
	direct   way
}

// startProcesses starts the service and fills the pool. The caller must close the processes, even
// after an error.
func startProcesses(ctx context.Context, binary string) (*processes, error) {
	s, err := openScratch(binary)
	l := &processes{scratch: s}
	if err != nil {
		return l, err
	}
	if l.upstream, err = l.self("serve-upstream"); err != nil {
		return l, err
	}
	l.direct = l.upstream.way("direct", keyOf(1))
	if l.home, err = s.newHome("home", l.upstream.BaseURL); err != nil {
		return l, err
	}
	return l, s.fill(ctx, l.home, accounts)
}

// bare starts a bare reverse proxy to the service. options are those of serveBare.
func (l *processes) bare(options ...string) (way, func() error, error) {
	c, err := l.self(append([]string{"serve-bare", l.upstream.BaseURL}, options...)...)
	if err != nil {
		return way{}, nil, err
	}
	return c.way("bare proxy", keyOf(1)), c.stop, nil
}

// gateway starts the real gateway to the service, with the pool.
func (l *processes) gateway() (way, func() error, error) {
	cmd := exec.Command(l.binary, "gateway", "--parent-pipe", "--quiet")
	cmd.Env = l.home.env
	c, err := l.start(cmd)
	if err != nil {
		return way{}, nil, err
	}
	return c.way("gateway", c.Token), c.stop, nil
}

func (l *processes) self(args ...string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return l.start(exec.Command(exe, args...))
}

// child is a server in another process. It ends when its stdin is closed.
type child struct {
	BaseURL string `json:"base_url"`
	Token   string `json:"token"`
	PID     int    `json:"pid"`
	host    string
	stop    func() error // may be called again
}

func (c *child) way(name, key string) way { return way{name, c.host, key, c.PID} }

func (l *processes) start(cmd *exec.Cmd) (*child, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{stop: sync.OnceValue(func() error {
		_ = stdin.Close()
		defer time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }).Stop()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%s ended with an error: %w", filepath.Base(cmd.Path), err)
		}
		return nil
	})}
	l.OnClose(c.stop)
	giveUp := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	err = json.NewDecoder(stdout).Decode(c)
	giveUp.Stop()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not print its address: %w", filepath.Base(cmd.Path), err), c.stop())
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, err
	}
	c.host = u.Host
	return c, nil
}
