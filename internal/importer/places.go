package importer

import (
	"slices"

	"ocgo-key/helper/opencode"
)

// places are the files where OpenCode, both generations, and opencode-go-multi-auth keep keys, the
// ones with labels first. They need not be there. home is the user's home folder.
func places(getenv func(string) string, home string) []string {
	files := opencode.LoginFiles(getenv, home)
	if database := opencode.DatabasePath(getenv, home); database != "" {
		files = slices.Insert(files, len(files)-1, database) // before auth.json, which OpenCode 2 has taken into it
	}
	return files
}
