package fullscreen

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
	xterm "golang.org/x/term"

	"ocgo-key/internal/term"
)

// modes are the console's previous modes, for input and output.
type modes struct {
	in, out *os.File
	state   *xterm.State
	output  uint32
}

func makeRaw(in, out *os.File) (*modes, error) {
	m := &modes{in: in, out: out}
	err := term.WithDescriptor(out, func(fd int) error {
		if err := windows.GetConsoleMode(windows.Handle(fd), &m.output); err != nil {
			return err
		}
		return windows.SetConsoleMode(windows.Handle(fd), m.output|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	})
	if err != nil {
		return nil, err
	}
	return m, term.WithDescriptor(in, func(fd int) (err error) {
		m.state, err = xterm.MakeRaw(fd)
		return err
	})
}

func (m *modes) restore() error {
	return errors.Join(
		term.WithDescriptor(m.in, func(fd int) error { return xterm.Restore(fd, m.state) }),
		term.WithDescriptor(m.out, func(fd int) error { return windows.SetConsoleMode(windows.Handle(fd), m.output) }))
}

// A keyboard reads the input of a console. A read in progress continues after Close.
type keyboard struct{ in *os.File }

func openKeyboard(in *os.File) (*keyboard, error) { return &keyboard{in}, nil }

func (k *keyboard) Read(p []byte) (int, error) { return k.in.Read(p) }

func (*keyboard) Close() error { return nil }

// resizePollInterval is the time between two checks of the console's size: Windows sends no signal
// when it changes.
const resizePollInterval = time.Second

// notifyResize sends a value for each change of the console's size.
func notifyResize(out *os.File) (resized <-chan os.Signal, ignore func()) {
	resizes, done := make(chan os.Signal, 1), make(chan struct{})
	tick := time.Tick(resizePollInterval)
	width, height, _ := term.Size(out)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-tick:
			}
			if w, h, err := term.Size(out); err == nil && (w != width || h != height) {
				width, height = w, h
				select {
				case resizes <- os.Interrupt: // the value has no meaning
				default:
				}
			}
		}
	}()
	return resizes, func() { close(done) }
}

// stop does nothing: Windows has no Ctrl-Z.
func stop() {}
