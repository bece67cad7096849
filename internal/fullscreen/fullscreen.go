// Package fullscreen draws on the whole of a terminal, reads its keys, and gives it back as it was.
//
// It knows lines and keys alone, and works only when something happens: between two events nothing runs. It is
// small enough to add nothing to the start of a program that has it for one of its commands; Bubble Tea adds a third
// of a millisecond to each, and wakes up 60 times a second.
package fullscreen

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Control sequences, of xterm's and all that follow it. A terminal skips those that it does not know.
const (
	enter = "\x1b[?1049h" + // the alternate screen; what was there before comes back at the end
		"\x1b[?25l" + // no cursor
		"\x1b[?7l" + // what is too wide is cut off, and moves no other line
		"\x1b[?2004h" // what is pasted is marked as that
	leave     = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[m\x1b[?1049l"
	clear     = "\x1b[m\x1b[2J"
	beginDraw = "\x1b[?2026h" // all that follows is shown at once
	endDraw   = "\x1b[?2026l"
	lineStart = "\x1b[%d;1H\x1b[2K"
)

// Event is what happened on the terminal: one of the three.
type Event struct {
	Key     string // a character, or "up", "down", "left", "right", "esc", "enter", "tab", "backspace", "ctrl+c"…
	Resized bool   // it has another size: what was drawn is gone
	Err     error  // it cannot be read any more; the last event
}

// Screen is a terminal that is taken over. Its methods are for one goroutine.
type Screen struct {
	in, out *os.File
	modes   *modes
	keys    *keyboard
	shown   []string // as drawn; nil after a change of size
	events  chan Event
	done    chan struct{}
	once    sync.Once
}

// Default size, in characters, of a terminal that does not know its own.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Open takes the terminal over that in and out are on. It fails where they are on none. Close must follow.
func Open(in, out *os.File) (*Screen, error) {
	s := &Screen{in: in, out: out, events: make(chan Event), done: make(chan struct{})}
	if err := s.takeOver(); err != nil {
		return nil, err
	}
	var err error
	if s.keys, err = openKeyboard(in); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot read from the terminal: %w", err), s.giveBack())
	}
	go s.read()
	return s, nil
}

func (s *Screen) takeOver() error {
	modes, err := makeRaw(s.in, s.out)
	if err != nil {
		return fmt.Errorf("cannot set up the terminal: %w", err)
	}
	s.modes, s.shown = modes, nil
	if _, err := io.WriteString(s.out, enter); err != nil {
		return errors.Join(err, s.giveBack())
	}
	return nil
}

func (s *Screen) giveBack() error {
	_, err := io.WriteString(s.out, leave)
	return errors.Join(err, s.modes.restore())
}

// Close gives the terminal back as it was. What is typed from then on is for whoever has it next; on Windows one read
// stays behind until the process ends.
func (s *Screen) Close() error {
	var err error
	s.once.Do(func() {
		close(s.done)
		err = errors.Join(s.keys.Close(), s.giveBack())
	})
	return err
}

// Suspend gives the terminal back and stops the process, as Ctrl-Z does to a program that leaves it to the terminal,
// until its shell lets it go on. Where no shell is there to do so, nothing happens.
func (s *Screen) Suspend() error {
	if err := s.giveBack(); err != nil {
		return err
	}
	stop()
	return s.takeOver()
}

// Events are the keys and changes of size, as they come.
func (s *Screen) Events() <-chan Event { return s.events }

// Size of the terminal, in characters.
func (s *Screen) Size() (width, height int) {
	if width, height, err := size(s.out); err == nil && width > 0 && height > 0 {
		return width, height
	}
	return defaultWidth, defaultHeight
}

// Draw shows these lines from the top, and nothing below them. Only lines that changed are written. A line may have
// styles (SGR sequences) that end with it, and nothing else that a terminal takes for a command.
func (s *Screen) Draw(lines []string) error {
	var b strings.Builder
	if s.shown == nil {
		b.WriteString(clear)
		s.shown = []string{}
	}
	for i := range max(len(lines), len(s.shown)) {
		was, is := at(s.shown, i), at(lines, i)
		if was != is {
			fmt.Fprintf(&b, lineStart+"%s", i+1, is)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	s.shown = append(s.shown[:0], lines...)
	_, err := io.WriteString(s.out, beginDraw+b.String()+endDraw)
	return err
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// escapePause is how long an Esc may be the beginning of another key's sequence, of which the rest is on its way.
const escapePause = 100 * time.Millisecond

// read turns what comes from the terminal into events, until Close.
func (s *Screen) read() {
	type chunk struct {
		data []byte
		err  error
	}
	chunks := make(chan chunk)
	go func() {
		for {
			data := make([]byte, 256)
			n, err := s.keys.Read(data)
			select {
			case chunks <- chunk{data[:n], err}:
			case <-s.done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	resized, ignore := notifyResize(s.out)
	defer ignore()
	var keys decoder
	escape := time.NewTimer(escapePause)
	escape.Stop()
	for {
		var events []Event
		select {
		case c := <-chunks:
			events = keys.decode(c.data)
			if c.err != nil {
				events = append(events, Event{Err: fmt.Errorf("read from the terminal: %w", c.err)})
			}
			escape.Stop()
			if keys.pending() {
				escape.Reset(escapePause)
			}
		case <-escape.C:
			events = keys.flush()
		case <-resized:
			events = []Event{{Resized: true}}
		case <-s.done:
			return
		}
		for _, e := range events {
			select {
			case s.events <- e:
			case <-s.done:
				return
			}
		}
	}
}

// Redraw forgets what was drawn, so that the next Draw draws all of it: after a change of size.
func (s *Screen) Redraw() { s.shown = nil }

func size(f *os.File) (width, height int, err error) {
	err = with(f, func(fd int) (err error) {
		width, height, err = term.GetSize(fd)
		return err
	})
	return width, height, err
}

// with calls with the descriptor of f and leaves f as it is: File.Fd would make it blocking for all who share it.
func with(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = call(int(fd)) }); err != nil {
		return err
	}
	return inner
}
