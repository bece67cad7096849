package term

import "golang.org/x/sys/unix"

const (
	getTermios      = unix.TCGETS
	setTermios      = unix.TCSETS
	setTermiosFlush = unix.TCSETSF // this also discards unread input

	pending = 0 // the kernel sets no mode by itself
)
