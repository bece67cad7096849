package opencode

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
)

// ShimFolder returns the folder for the shim on the system goos. The folder has no other programs,
// so that adding it to PATH changes nothing else.
func ShimFolder(goos string, getenv func(string) string, home string) string {
	if goos == "windows" {
		return filepath.Join(cmp.Or(getenv("LOCALAPPDATA"), filepath.Join(home, "AppData", "Local")), "ocgo-key", "bin")
	}
	return filepath.Join(baseFolder(getenv, home, "XDG_DATA_HOME", ".local", "share"), "ocgo-key", "bin")
}

// ShimName returns the shim's file name on the system goos.
func ShimName(goos string) string {
	if goos == "windows" {
		return "opencode.cmd"
	}
	return "opencode"
}

// Shim returns a script that is installed as `opencode`. It runs OpenCode, at the absolute path
// real, under program. If program does not exist, it prints a message and runs only OpenCode.
func Shim(goos, program, real string) []byte {
	return shim(goos, program, real, `Written by "ocgo-key install --shim" and removed by "ocgo-key uninstall"; your changes to this file will be lost.`)
}

// RunShim returns the shim for the commands that one run starts.
func RunShim(goos, program, real string) []byte {
	return shim(goos, program, real, `Written by "ocgo-key run", which removes it at its end.`)
}

func shim(goos, program, real, origin string) []byte {
	if goos == "windows" {
		return []byte(strings.ReplaceAll(fmt.Sprintf(`@echo off
@rem ocgo-key shim %d
@rem %[4]s
%[5]sif exist %[2]s goto run
echo ocgo-key: %[2]s is not there; OpenCode continues without it 1>&2
%[3]s %%*
exit /b %%errorlevel%%
:run
%[2]s run -- %[3]s %%*
exit /b %%errorlevel%%
`, ShimVersion, batchQuote(program), batchQuote(real), origin, spelledOut(real)), "\n", "\r\n"))
	}
	return []byte(fmt.Sprintf(`#!/bin/sh
# ocgo-key shim %d
# %s
program=%s
opencode=%s
if [ -x "$program" ]; then
	exec "$program" run -- "$opencode" "$@"
fi
echo "ocgo-key: $program is not there; OpenCode continues without it" >&2
exec "$opencode" "$@"
`, ShimVersion, origin, shellQuote(program), shellQuote(real)))
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// batchQuote quotes a path for a batch file. On Windows a path contains no quote, and between
// quotes only % is special.
func batchQuote(s string) string {
	if rest, ok := inForeignProfile(s); ok {
		return `"%USERPROFILE%` + strings.ReplaceAll(rest, "%", "%%") + `"`
	}
	return `"` + strings.ReplaceAll(s, "%", "%%") + `"`
}

// spelledOut returns a line of comment with OpenCode's full path, from which Identify reads it. The
// line is empty if the shim's commands already contain the full path.
func spelledOut(real string) string {
	if _, ok := inForeignProfile(real); !ok {
		return ""
	}
	return `@rem "` + strings.ReplaceAll(real, "%", "%%") + "\"\n"
}

// inForeignProfile returns the part of a Windows path after the user's folder, if the user's name
// is not ASCII. cmd.exe and Windows PowerShell 5.1 read scripts in the code page of the machine,
// and misread such a name. The variable USERPROFILE contains it correctly.
func inForeignProfile(path string) (rest string, ok bool) {
	const users = `:\Users\`
	if len(path) < 1+len(users) || !strings.EqualFold(path[1:1+len(users)], users) {
		return "", false
	}
	name, rest, ok := strings.Cut(path[1+len(users):], `\`)
	return `\` + rest, ok && strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII })
}

// PathLine is a line for a shell's profile that puts a folder first on PATH.
type PathLine struct {
	Shell   string `json:"shell"`
	Profile string `json:"profile"`
	Line    string `json:"line"`
}

// PathLines returns the line for each shell that puts dir first on PATH.
func PathLines(dir string) []PathLine {
	posix := "export PATH=" + shellQuote(dir) + `:"$PATH"`
	fish := "fish_add_path --path --prepend --move '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(dir) + "'"
	folder := "'" + strings.ReplaceAll(dir, "'", "''") + "'"
	if rest, ok := inForeignProfile(dir); ok {
		folder = "$env:USERPROFILE + '" + strings.ReplaceAll(rest, "'", "''") + "'"
	}
	power := "$env:PATH = " + folder + " + [IO.Path]::PathSeparator + $env:PATH"
	return []PathLine{
		{"bash", "~/.bashrc", posix},
		{"zsh", "~/.zshrc", posix},
		{"fish", "~/.config/fish/config.fish", fish},
		{"PowerShell", "$PROFILE", power},
	}
}
