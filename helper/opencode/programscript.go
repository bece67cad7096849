package opencode

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// headSize is how much of a launcher is read, in bytes. npm's and pnpm's have less than 2 KiB.
const headSize = 64 << 10

// beginning reads the first bytes of a file, and reports whether they are text.
func beginning(path string) (head []byte, text bool, err error) {
	f, _, err := openRegular(path)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = f.Close() }()
	head, err = io.ReadAll(io.LimitReader(f, headSize))
	return head, len(head) > 0 && bytes.IndexByte(head, 0) < 0, err
}

// openRegular opens a file for reading, if it is a regular file. A pipe might never end.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(path + " is not a regular file")
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(path)
	return f, info, err
}

// besidePattern finds the program that a launcher of npm or pnpm starts, by its path relative to
// the launcher: "%dp0%\x" and "%~dp0\x" in cmd, "$basedir/x" in PowerShell and sh. wholePattern
// finds absolute paths of an opencode, as in Homebrew's scripts and our own shims.
var (
	besidePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:%~?dp0%?|\$\{?basedir\}?)[\\/]?([^"'\r\n%$]*opencode[^"'\r\n%$]*)`)
	})
	wholePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`((?:[A-Za-z]:[\\/]|/)[^"'\r\n]*[\\/]opencode(?:\.exe|\.cmd|\.ps1)?)(?:["'\s]|$)`)
	})
)

// target returns the file that a launcher script starts; empty if it is not found. The function
// exists reports whether a file exists.
func target(script string, text []byte, exists func(path string) bool) string {
	folder := script[:strings.LastIndexAny(script, `/\`)+1]
	windows := strings.Contains(folder, `\`)
	for _, m := range besidePattern().FindAllSubmatch(text, -1) {
		path := folder + strings.TrimRight(string(m[1]), " \t")
		if windows {
			path = strings.ReplaceAll(path, "/", `\`)
		} else {
			path = filepath.Clean(strings.ReplaceAll(path, `\`, "/"))
		}
		if path != script && exists(path) {
			return path
		}
	}
	for _, m := range wholePattern().FindAllSubmatch(text, -1) {
		path := string(m[1])
		if windows {
			path = strings.ReplaceAll(path, "%%", "%") // the form in a batch file
		}
		if path != script && exists(path) {
			return path
		}
	}
	return ""
}

var scoopPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s*path\s*=\s*"?([^"\r\n]+?)"?\s*$`) })

// scoopTarget returns the program that Scoop's NAME.exe starts, from the NAME.shim beside it; empty
// if there is none.
func scoopTarget(program string) string {
	beside := strings.TrimSuffix(program, filepath.Ext(program)) + ".shim"
	text, is, err := beginning(beside)
	if err != nil || !is {
		return ""
	}
	m := scoopPattern().FindSubmatch(text)
	if m == nil || !isFile(string(m[1])) {
		return ""
	}
	return string(m[1])
}
