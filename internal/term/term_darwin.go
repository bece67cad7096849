package term

import "golang.org/x/sys/unix"

const (
	getTermios      = unix.TIOCGETA
	setTermios      = unix.TIOCSETA
	setTermiosFlush = unix.TIOCSETAF // this also discards unread input

	// The kernel itself sets pending when a terminal leaves the raw mode. So pending is not a mode
	// that a program chose.
	pending = unix.PENDIN
)
