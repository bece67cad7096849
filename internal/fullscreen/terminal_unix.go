//go:build linux || darwin

package fullscreen

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// modes are those that the terminal had.
type modes struct {
	in    *os.File
	state *term.State
}

func makeRaw(in, _ *os.File) (*modes, error) {
	m := &modes{in: in}
	return m, with(in, func(fd int) (err error) {
		m.state, err = term.MakeRaw(fd)
		return err
	})
}

func (m *modes) restore() error {
	return with(m.in, func(fd int) error { return term.Restore(fd, m.state) })
}

// notifyResize tells of changes of the terminal's size.
func notifyResize(*os.File) (resized <-chan os.Signal, ignore func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}

// noShell is how long a stop takes to come. Where there is no shell that could let us go on, none comes.
const noShell = 100 * time.Millisecond

// stop stops this process and those that it shares the foreground with, and returns when they go on.
func stop() {
	again := make(chan os.Signal, 1)
	signal.Notify(again, unix.SIGCONT)
	defer signal.Stop(again)
	_ = syscall.Kill(0, unix.SIGTSTP)
	select {
	case <-again:
	case <-time.After(noShell):
	}
}
