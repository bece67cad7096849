//go:build unix

package trust

import (
	"io/fs"
	"syscall"
)

// NoFollow are flags for os.OpenFile: a symbolic link is not followed, a pipe is not waited for.
const NoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func facts(_ string, info fs.FileInfo) (f Facts, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Facts{}, false
	}
	return Facts{UID: int(stat.Uid), GID: int(stat.Gid), Mode: info.Mode()}, true
}
