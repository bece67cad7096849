package opencode

import "io/fs"

// isOwn returns true, since on Windows each user has a separate folder for temporary files.
func isOwn(fs.FileInfo) bool { return true }
