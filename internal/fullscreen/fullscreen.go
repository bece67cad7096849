// Package fullscreen takes over a whole terminal: it draws lines, reads keys, and restores the
// terminal at the end.
//
// It runs only when something happens. It costs nothing at the start of other commands. Bubble Tea
// would add a third of a millisecond to every command, and wakes up 60 times a second.
package fullscreen

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"ocgo-key/internal/term"
)

// These are control sequences of xterm and compatible terminals. A terminal ignores sequences that
// it does not know.
const (
	enter = "\x1b[?1049h" + // the alternate screen; at the end the terminal shows its previous content
		"\x1b[?25l" + // hide the cursor
		"\x1b[?7l" + // truncate long lines instead of wrapping them
		"\x1b[?2004h" // mark pasted text (bracketed paste)
	leave     = "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[m\x1b[?1049l"
	clear     = "\x1b[m\x1b[2J"
	beginDraw = "\x1b[?2026h" // the terminal shows everything up to endDraw at once
	endDraw   = "\x1b[?2026l"
	lineStart = "\x1b[%d;1H\x1b[2K"
)

// An Event is something that happened on the terminal. One of its fields is set.
type Event struct {
	Key     string // a character, or "up", "down", "left", "right", "esc", "enter", "tab", "backspace", "ctrl+c"…
	Resized bool   // the size has changed, and the screen may be empty
	Err     error  // the terminal cannot be read any more; this is the last event
}

// A Screen is a terminal that this package has taken over. Only one goroutine may use it.
type Screen struct {
	in, out *os.File
	modes   *modes
	keys    *keyboard
	shown   []string // the lines on the screen; nil if all must be drawn again
	events  chan Event
	done    chan struct{}
	once    sync.Once
}

// The size, in characters, of a terminal that does not report its size.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Open takes over the terminal of in and out. It fails if they are not terminals. The caller must
// call Close.
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

// Close restores the terminal. After that, typed text is left for other programs. On Windows, one
// read stays pending until the process ends.
func (s *Screen) Close() error {
	var err error
	s.once.Do(func() {
		close(s.done)
		err = errors.Join(s.keys.Close(), s.giveBack())
	})
	return err
}

// Suspend restores the terminal and stops the process, as Ctrl-Z does by default. It returns when
// the shell continues the process. If no shell can do that, the process is not stopped.
func (s *Screen) Suspend() error {
	if err := s.giveBack(); err != nil {
		return err
	}
	stop()
	return s.takeOver()
}

// Events returns the channel of keys and changes of size.
func (s *Screen) Events() <-chan Event { return s.events }

// Size returns the size of the terminal, in characters.
func (s *Screen) Size() (width, height int) {
	if width, height, err := term.Size(s.out); err == nil && width > 0 && height > 0 {
		return width, height
	}
	return defaultWidth, defaultHeight
}

// Draw shows these lines from the top, and nothing below them. It writes only lines that have
// changed. A line may contain styles (SGR sequences) if it resets them at its end, and no other
// control sequences.
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

// escapePause is how long to wait after an Esc, since it may be the beginning of another key's
// sequence.
const escapePause = 100 * time.Millisecond

// read turns input from the terminal into events, until Close.
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

// Redraw makes the next Draw write every line. That is needed after a change of size.
func (s *Screen) Redraw() { s.shown = nil }
