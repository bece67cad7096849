//go:build linux || darwin

package fullscreen

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	xterm "golang.org/x/term"

	"ocgo-key/internal/term"
)

// modes are the terminal's previous modes.
type modes struct {
	in    *os.File
	state *xterm.State
}

func makeRaw(in, _ *os.File) (*modes, error) {
	m := &modes{in: in}
	return m, term.WithDescriptor(in, func(fd int) (err error) {
		m.state, err = xterm.MakeRaw(fd)
		return err
	})
}

func (m *modes) restore() error {
	return term.WithDescriptor(m.in, func(fd int) error { return xterm.Restore(fd, m.state) })
}

// A keyboard reads the input of a terminal until Close.
type keyboard struct {
	in         *os.File
	end, ended *os.File   // a pipe that wakes Read up
	reading    sync.Mutex // held by Read
}

func openKeyboard(in *os.File) (k *keyboard, err error) {
	k = &keyboard{in: in}
	k.ended, k.end, err = os.Pipe()
	return k, err
}

// Read waits for input. After Close it returns os.ErrClosed and consumes nothing.
func (k *keyboard) Read(p []byte) (int, error) {
	k.reading.Lock()
	defer k.reading.Unlock()
	closed, err := k.wait()
	switch {
	case err != nil:
		return 0, err
	case closed:
		return 0, os.ErrClosed
	}
	return k.in.Read(p)
}

// wait returns when there is input, or when the keyboard is closed.
func (k *keyboard) wait() (closed bool, err error) {
	err = term.WithDescriptor(k.in, func(in int) error {
		return term.WithDescriptor(k.ended, func(ended int) error {
			for {
				var ready unix.FdSet
				ready.Set(in)
				ready.Set(ended)
				// Not poll, which macOS does not support for terminals.
				_, err := unix.Select(max(in, ended)+1, &ready, nil, nil, nil)
				if !errors.Is(err, unix.EINTR) {
					closed = err == nil && ready.IsSet(ended)
					return err
				}
			}
		})
	})
	return closed, err
}

// Close returns when no read is in progress.
func (k *keyboard) Close() error {
	err := k.end.Close()
	k.reading.Lock()
	defer k.reading.Unlock()
	return errors.Join(err, k.ended.Close())
}

// notifyResize sends a value for each change of the terminal's size.
func notifyResize(*os.File) (resized <-chan os.Signal, ignore func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}

// stopDelay is how long to wait until the process is stopped. If no shell could continue the
// process, it is never stopped.
const stopDelay = 100 * time.Millisecond

// stop stops all processes of this process group, and returns when they are continued.
func stop() {
	again := make(chan os.Signal, 1)
	signal.Notify(again, unix.SIGCONT)
	defer signal.Stop(again)
	_ = syscall.Kill(0, unix.SIGTSTP)
	select {
	case <-again:
	case <-time.After(stopDelay):
	}
}
