//go:build unix

package trust

import (
	"io/fs"
	"syscall"
)

// NoFollow has flags for os.OpenFile: it does not follow a symbolic link, and does not wait for a
// pipe.
const NoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func facts(_ string, info fs.FileInfo) (f Facts, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Facts{}, false
	}
	return Facts{UID: int(stat.Uid), GID: int(stat.Gid), Mode: info.Mode()}, true
}
