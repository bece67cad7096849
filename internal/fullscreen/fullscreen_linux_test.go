package fullscreen

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"
)

// terminal is a pseudo-terminal that records what is written to it.
type terminal struct {
	t        *testing.T
	user, us *os.File
	written  chan string
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	user, us, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(us, &pty.Winsize{Rows: 24, Cols: 80}))
	written := make(chan string, 64)
	go func() {
		defer close(written)
		for {
			b := make([]byte, 4096)
			n, err := user.Read(b)
			if err != nil {
				return
			}
			written <- string(b[:n])
		}
	}()
	t.Cleanup(func() {
		_ = us.Close()
		_ = user.Close()
	})
	return &terminal{t, user, us, written}
}

// reads waits until the recorded output ends with want, and returns all of it.
func (tt *terminal) reads(want string) string {
	tt.t.Helper()
	all, late := "", time.After(30*time.Second)
	for !strings.HasSuffix(all, want) {
		select {
		case more, open := <-tt.written:
			require.True(tt.t, open, "the terminal is gone; it got %q", all)
			all += more
		case <-late:
			tt.t.Fatalf("%q was not written; the terminal got %q", want, all)
		}
	}
	return all
}

func (tt *terminal) state() term.State {
	tt.t.Helper()
	state, err := term.GetState(int(tt.us.Fd()))
	require.NoError(tt.t, err)
	return *state
}

func TestScreen(t *testing.T) {
	tt := newTerminal(t)
	before := tt.state()
	s, err := Open(tt.us, tt.us)
	require.NoError(t, err)
	tt.reads(enter)
	assert.NotEqual(t, before, tt.state())
	width, height := s.Size()
	assert.Equal(t, []int{80, 24}, []int{width, height})

	require.NoError(t, s.Draw([]string{"one", "two", "three"}))
	assert.Equal(t, beginDraw+clear+"\x1b[1;1H\x1b[2Kone\x1b[2;1H\x1b[2Ktwo\x1b[3;1H\x1b[2Kthree"+endDraw, tt.reads(endDraw))
	// Only changed lines are drawn again.
	require.NoError(t, s.Draw([]string{"one", "two", "three"}))
	require.NoError(t, s.Draw([]string{"one", "2"}))
	assert.Equal(t, beginDraw+"\x1b[2;1H\x1b[2K2\x1b[3;1H\x1b[2K"+endDraw, tt.reads(endDraw))
	s.Redraw()
	require.NoError(t, s.Draw([]string{"one"}))
	assert.Equal(t, beginDraw+clear+"\x1b[1;1H\x1b[2Kone"+endDraw, tt.reads(endDraw))

	_, err = tt.user.WriteString("d\x1b[A\x1b")
	require.NoError(t, err)
	for _, want := range []string{"d", "up", "esc"} {
		assert.Equal(t, Event{Key: want}, <-s.Events())
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	tt.reads(leave)
	assert.Equal(t, before, tt.state())
}

// After Close, the screen must not consume what is typed for the shell.
func TestNothingIsTakenAfterClose(t *testing.T) {
	tt := newTerminal(t)
	s, err := Open(tt.us, tt.us)
	require.NoError(t, err)
	tt.reads(enter)
	time.Sleep(50 * time.Millisecond) // the read has begun
	require.NoError(t, s.Close())
	_, err = tt.user.WriteString("exit\n")
	require.NoError(t, err)

	got := make(chan string, 1)
	go func() {
		b := make([]byte, 64)
		n, _ := tt.us.Read(b)
		got <- string(b[:n])
	}()
	select {
	case line := <-got:
		assert.Equal(t, "exit\n", line)
	case <-time.After(10 * time.Second):
		t.Error("the screen consumed what was typed after Close")
	}
}

func TestOpenWithoutATerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	_, err = Open(file, file)
	assert.ErrorContains(t, err, "cannot set up the terminal")
	info, err := file.Stat()
	require.NoError(t, err)
	assert.Zero(t, info.Size(), "nothing must be written")
}

// The loss of the terminal is an event too. Otherwise the program would wait for a key forever.
func TestTerminalGone(t *testing.T) {
	tt := newTerminal(t)
	s, err := Open(tt.us, tt.us)
	require.NoError(t, err)
	tt.reads(enter)
	require.NoError(t, tt.user.Close())
	_, _ = tt.us.WriteString("x") // a pending read of tt.user would keep the terminal open; this ends it
	assert.Error(t, (<-s.Events()).Err)
	_ = s.Close()
}
