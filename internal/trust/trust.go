// Package trust decides whether the state folder and its files belong to the user. A file from
// another user could be dangerous: it could name a file that we overwrite, a store for our keys, or
// a label with a shell command.
package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"ocgo-key/internal/atomicfile"
	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
)

// Facts are the owner, the mode and the type of a file or a folder.
type Facts struct {
	UID, GID int
	Mode     fs.FileMode
}

// A User is the user that this program runs as.
type User struct {
	UID int
	// Also are other users whose files count as the user's own. For root, this includes the user
	// who ran sudo and the owner of HOME.
	Also []int
}

// owns reports whether a file of uid counts as the user's own. Files of root always count, since
// root can change any file anyway.
func (u User) owns(uid int) bool {
	return uid == u.UID || uid == 0 || slices.Contains(u.Also, uid)
}

// Doubt returns the reason why another user may have written the file or folder that f describes.
// It returns "" if only the user can have written it. A group with the number of the owner counts
// as the owner's private group, which many systems create.
func (u User) Doubt(f Facts) string {
	switch {
	case !u.owns(f.UID):
		return "belongs to another user"
	case f.Mode.Perm()&0o002 != 0:
		return "may be changed by every user of this machine"
	case f.Mode.Perm()&0o020 != 0 && f.GID != f.UID:
		return "may be changed by its group"
	}
	return ""
}

// NewUser returns the user with this uid. owner returns the uid of a path's owner. getenv and owner
// are called only for root.
func NewUser(uid int, getenv func(string) string, owner func(path string) (uid int, ok bool)) User {
	u := User{UID: uid}
	if uid != 0 {
		return u
	}
	if sudo, err := strconv.Atoi(getenv("SUDO_UID")); err == nil {
		u.Also = append(u.Also, sudo)
	}
	if home := getenv("HOME"); home != "" {
		if uid, ok := owner(home); ok {
			u.Also = append(u.Also, uid)
		}
	}
	return u
}

var current = sync.OnceValue(func() User {
	return NewUser(os.Geteuid(), os.Getenv, func(path string) (int, bool) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, false
		}
		f, ok := facts(path, info)
		return f.UID, ok
	})
})

var all atomic.Bool

// All makes this process trust every folder and file. It is for file systems without modes and
// owners.
func All() { all.Store(true) }

// Every refusal of this package wraps errUntrusted.
var errUntrusted = errors.New("not the user's own")

// Refused reports whether err is a refusal of this package.
func Refused(err error) bool { return errors.Is(err, errUntrusted) }

func refuse(next, format string, args ...any) error {
	return hint.On(hint.As(errUntrusted, fmt.Errorf(format, args...)), next)
}

// Folder refuses a state folder that is not the user's own. It accepts a folder that does not exist
// or cannot be examined: the next access to it then fails.
func Folder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || all.Load() {
		return nil
	}
	f, ok := facts(dir, info)
	doubt := current().Doubt(f)
	switch {
	case !ok || doubt == "":
		return nil
	case Foreign(dir, info) || info.Mode()&fs.ModeSticky != 0:
		return refuse("set OCGO_KEY_STATE_DIR to a folder that belongs to you; if this folder is yours in spite of that, add --trust-state",
			"the state folder %s %s", dir, doubt)
	}
	return refuse("check what is in it, then `chmod go-w "+text.Quote(dir)+"`; on a file system without modes, add --trust-state",
		"the state folder %s %s", dir, doubt)
}

// Foreign reports whether what info describes belongs to another user.
func Foreign(path string, info fs.FileInfo) bool {
	f, ok := facts(path, info)
	return ok && !all.Load() && !current().owns(f.UID)
}

// Check refuses a file of the state folder that is a symbolic link or does not belong to the user.
// Like Folder, it accepts a file that does not exist.
func Check(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	return check(path, info)
}

func check(path string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		return refuse("`ocgo-key doctor --repair` removes the link", "%s is a symbolic link; ocgo-key never creates links", path)
	}
	if all.Load() {
		return nil
	}
	f, ok := facts(path, info)
	if doubt := current().Doubt(f); ok && doubt != "" {
		return refuse("check what is in it, then delete it, or take it over with chown and chmod; on a file system without modes, add --trust-state",
			"%s %s", path, doubt)
	}
	return nil
}

// Open is os.OpenFile for a file of the state folder: it does not follow links, does not wait for
// pipes, and refuses the files that Check refuses.
func Open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	f, err := atomicfile.Open(path, flag|NoFollow, perm)
	if err != nil {
		if refused := Check(path); refused != nil {
			err = refused
		}
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = check(path, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Doubt returns the reason why another user may have written a file outside of the state folder. It
// returns "" if only the user can have written it.
func Doubt(path string, info fs.FileInfo) string {
	if info.Mode()&fs.ModeSymlink != 0 {
		return "is a symbolic link"
	}
	f, ok := facts(path, info)
	if !ok || all.Load() {
		return ""
	}
	return current().Doubt(f)
}
