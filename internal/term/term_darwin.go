package term

import "golang.org/x/sys/unix"

const (
	getTermios      = unix.TIOCGETA
	setTermios      = unix.TIOCSETA
	setTermiosFlush = unix.TIOCSETAF // and discards unread input

	// pending is set by the kernel itself when a terminal leaves the raw mode, so it is no mode
	// that anybody chose.
	pending = unix.PENDIN
)
