package opencode

import "io/fs"

// isOwn is true: the folder for temporary files is each user's own.
func isOwn(fs.FileInfo) bool { return true }
