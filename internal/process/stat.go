package process

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// stat is the part of a line of /proc/PID/stat (proc_pid_stat(5)) that this package uses.
type stat struct {
	pid, ppid int
	session   int // 0 if unknown
	comm      string
	state     byte
	start     string // ticks since boot, in decimal
	image     string
}

var errStat = errors.New("its stat line is not as expected")

// Field numbers count from 1, as in proc_pid_stat(5); comm is field 2.
const (
	fieldState      = 3
	fieldPPID       = 4
	fieldSession    = 6
	fieldStart      = 22
	fieldStartCode  = 26
	fieldStartStack = 28
	fieldStartBrk   = 47
	fieldArgStart   = 48
	fieldEnvEnd     = 51
)

// parseStat parses the line. The name may contain spaces, parentheses and newlines, so it ends at
// the last parenthesis of the line.
func parseStat(line []byte) (stat, error) {
	open, shut := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || shut < open {
		return stat{}, errStat
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line[:open])))
	if err != nil || pid <= 0 {
		return stat{}, errStat
	}
	fields := strings.Fields(string(line[shut+1:]))
	field := func(n int) string {
		if n -= fieldState; n < len(fields) {
			return fields[n]
		}
		return ""
	}
	s := stat{pid: pid, comm: string(line[open+1 : shut]), start: field(fieldStart)}
	if s.ppid, err = strconv.Atoi(field(fieldPPID)); err != nil || s.ppid < 0 {
		return stat{}, errStat
	}
	if _, err := strconv.ParseUint(s.start, 10, 64); err != nil {
		return stat{}, errStat
	}
	state := field(fieldState)
	if len(state) != 1 || state[0] < 'A' || state[0] > 'z' {
		return stat{}, errStat
	}
	s.state = state[0]
	s.session, _ = strconv.Atoi(field(fieldSession))
	s.image = imageOf(field)
	return s, nil
}

// imageOf identifies one exec by the addresses of code, stack and arguments. A fork copies these
// addresses, and an exec chooses new ones. Even without address randomization, most of them depend
// on the size of the arguments and the environment. A reader without permission gets zeros.
func imageOf(field func(int) string) string {
	stack, args := field(fieldStartStack), field(fieldArgStart)
	if stack == "" || args == "" || stack == "0" || args == "0" {
		return ""
	}
	return strings.Join([]string{field(fieldStartCode), stack, field(fieldStartBrk), args, field(fieldEnvEnd)}, "-")
}

// ended reports whether the process has ended, by its state letter.
func (s stat) ended() bool { return s.state == 'Z' || s.state == 'X' || s.state == 'x' }

// parseArgs splits the content of /proc/PID/cmdline. Each argument ends with a NUL. The last NUL
// may be missing if the program has overwritten its arguments.
func parseArgs(raw []byte) []string {
	if len(raw) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
}

// parseProcArgs splits the value of macOS' kern.procargs2. It begins with the count as a
// little-endian int32, the path of the program, and one or more NULs. Then come the arguments, each
// followed by a NUL. The environment follows and is ignored.
func parseProcArgs(raw []byte) (exe string, args []string) {
	if len(raw) < 4 {
		return "", nil
	}
	count := int(int32(binary.LittleEndian.Uint32(raw)))
	path, rest, ok := bytes.Cut(raw[4:], []byte{0})
	if !ok || count <= 0 {
		return "", nil
	}
	rest = bytes.TrimLeft(rest, "\x00")
	for range count {
		arg, after, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			break
		}
		args, rest = append(args, string(arg)), after
	}
	return string(path), args
}

// fullName restores a name that the system has truncated to max bytes. If a path in longer has a
// base name that begins with comm, it returns that base name.
func fullName(comm string, max int, longer ...string) string {
	if len(comm) < max {
		return comm
	}
	for _, l := range longer {
		if b := base(l); strings.HasPrefix(b, comm) {
			return b
		}
	}
	return comm
}
