package doctor

import "io/fs"

// ownerOf knows no owner on Windows, where a folder's permissions say who may do what.
func ownerOf(fs.FileInfo) (uid int, ok bool) { return 0, false }
