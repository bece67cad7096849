package wrapper

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// npm installs each program with a batch file that starts it, and Windows runs batch files with
// cmd.exe. cmd.exe cuts an argument at a newline, replaces %VARIABLES% in it, and runs what follows
// a quote and & as another command. So run starts the program directly. This code is independent of
// the system, so that every system tests it.

// maxLauncher is how much of a batch file is read, in bytes. Those of npm have less than 1 KiB.
const maxLauncher = 64 << 10

// isBatch reports whether Windows starts this program through cmd.exe.
func isBatch(path string) bool {
	switch strings.ToLower(path[strings.LastIndexByte(path, '.')+1:]) {
	case "cmd", "bat":
		return true
	}
	return false
}

// launcherLine is the line of npm's and pnpm's batch files that starts the program: an .exe, or a
// script of Node.js. %dp0% and %~dp0 are the batch file's folder.
var launcherLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?im)^(?:.*&)?\s*@?(?:("%_prog%"|"%~?dp0%?\\node\.exe"|node)\s+)?"%~?dp0%?\\([^"%\r\n]+)"\s+%\*\s*$`)
})

// behindLauncher returns what a batch file of npm or pnpm starts: the program, and the arguments
// that come before the user's. It returns nil for any other batch file. exists reports whether a
// file exists.
func behindLauncher(batch string, text []byte, exists func(path string) bool) []string {
	folder := batch[:strings.LastIndexAny(batch, `/\`)+1]
	for _, m := range launcherLine().FindAllSubmatch(text, -1) {
		started := strings.ReplaceAll(string(m[2]), `\`, separatorOf(folder))
		if !exists(folder + started) {
			continue
		}
		switch interpreter := string(m[1]); {
		case interpreter == "" && strings.EqualFold(filepath.Ext(started), ".exe"):
			return []string{folder + started}
		case interpreter == "", interpreter == `"%_prog%"` && !bytes.Contains(text, []byte(`"_prog=node"`)):
			continue
		case exists(folder + "node.exe"):
			return []string{folder + "node.exe", folder + started}
		}
		return []string{"node", folder + started}
	}
	return nil
}

func separatorOf(folder string) string {
	if strings.Contains(folder, "/") {
		return "/"
	}
	return `\`
}

// checkBatchArguments refuses arguments that cmd.exe would change, or run as commands.
func checkBatchArguments(name string, arguments []string) error {
	for i, argument := range arguments {
		special := "\r\n\"%"
		if !strings.ContainsAny(argument, " \t") { // an argument without a space is not quoted
			special += "&|<>^"
		}
		if strings.ContainsAny(argument, special) {
			return fmt.Errorf("%w: %s is a batch file, and cmd.exe would change its argument %d: start the program itself", ErrCannotRun, name, i+1)
		}
	}
	return nil
}
