package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ocgo-key/internal/process"
)

func userID() string { return strconv.Itoa(os.Getuid()) }

// processesWith lists the processes that have pair in their environment. Every descendant inherits
// pair. The environment of ocgo-key itself is hidden, so a process with a hidden environment is
// listed if its parent is.
func processesWith(t *testing.T, pair string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var with, hidden []process.Info
	for _, file := range files {
		environ, err := os.ReadFile(file)
		has := slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(p []byte) bool { return string(p) == pair })
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		info, gone := process.Lookup(pid)
		switch {
		case gone != nil:
		case errors.Is(err, os.ErrPermission):
			hidden = append(hidden, info)
		case has:
			with = append(with, info)
		}
	}
	for i := 0; i < len(with); i++ { // it grows
		for _, p := range hidden {
			if p.PPID == with[i].PID {
				with = append(with, p)
			}
		}
	}
	var found []string
	for _, p := range with {
		found = append(found, strconv.Itoa(p.PID)+" "+p.Name)
	}
	return found
}

// empty waits until no process with this home is left, so that the home can be removed. It ends the
// processes that stay.
func (of machine) empty() {
	w := of.w
	end := time.Now().Add(patience / 10)
	for {
		left := processesWith(w.t, "HOME="+w.home)
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			for _, p := range left {
				pid, _, _ := strings.Cut(p, " ")
				if id, err := strconv.Atoi(pid); err == nil {
					_ = syscall.Kill(id, syscall.SIGKILL)
				}
			}
		}
		time.Sleep(pause)
	}
}

// children records the child processes of one process.
type children struct {
	mu     sync.Mutex
	parent int
	seen   []process.Info
	stop   chan struct{}
	done   chan struct{}
}

// childrenOf starts the recording. It reads the process table at intervals and at each request to
// the service.
func (of machine) childrenOf(parent int) *children {
	w := of.w
	c := &children{parent: parent, stop: make(chan struct{}), done: make(chan struct{})}
	w.whileRequests(c.look)
	go func() {
		defer close(c.done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			c.look()
			select {
			case <-tick.C:
			case <-c.stop:
				return
			}
		}
	}()
	return c
}

func (c *children) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// In /proc/PID/stat, the state and the parent follow the name, and the name may contain any
		// character.
		stat, _ := os.ReadFile("/proc/" + entry.Name() + "/stat")
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(c.parent) {
			continue
		}
		info, err := process.Lookup(pid)
		if err != nil || info.PPID != c.parent || len(info.Args) == 0 {
			continue
		}
		known := slices.IndexFunc(c.seen, func(p process.Info) bool { return p.PID == info.PID && p.Start == info.Start })
		if known < 0 {
			c.seen = append(c.seen, info)
		} else {
			c.seen[known] = info // its name and arguments change at exec
		}
	}
}

// names ends the recording, and returns the program of each child in the order of their start.
func (c *children) names() []string {
	close(c.stop)
	<-c.done
	names := []string{}
	for _, p := range c.seen {
		names = append(names, filepath.Base(p.Args[0]))
	}
	return names
}

// wrapperBelow returns the pid of the ocgo-key process that the shell runs.
func wrapperBelow(t *testing.T, shell string) int {
	t.Helper()
	pid, err := strconv.Atoi(shell)
	require.NoError(t, err)
	var found int
	require.Eventually(t, func() bool {
		for _, p := range process.Descendants(pid) {
			if filepath.Base(p.Args[0]) == "ocgo-key" {
				found = p.PID
				return true
			}
		}
		return false
	}, patience, pause)
	return found
}
