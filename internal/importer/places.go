package importer

import (
	"slices"

	"ocgo-key/helper/opencode"
)

// places returns the files in which OpenCode 1, OpenCode 2 and opencode-go-multi-auth keep keys.
// The files may not exist. Files with labels come first. home is the user's home folder.
func places(getenv func(string) string, home string) []string {
	files := opencode.LoginFiles(getenv, home)
	if database := opencode.DatabasePath(getenv, home); database != "" {
		files = slices.Insert(files, len(files)-1, database) // before auth.json, from which OpenCode 2 has copied the keys
	}
	return files
}
