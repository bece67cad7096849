package opencode

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
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

// Shim returns a small script named `opencode`. It runs the real OpenCode, an absolute path, under
// program. If program does not exist, the script prints a message and runs only the real one.
func Shim(goos, program, real string) []byte {
	return shim(goos, program, real, `Written by "ocgo-key install --shim" and taken away by "ocgo-key uninstall"; what is changed here is lost.`)
}

// RunShim returns such a script for the commands that one run starts, for the duration of the run.
func RunShim(goos, program, real string) []byte {
	return shim(goos, program, real, `Written by "ocgo-key run", which removes it at its end.`)
}

func shim(goos, program, real, origin string) []byte {
	if goos == "windows" {
		return []byte(strings.ReplaceAll(fmt.Sprintf(`@echo off
@rem ocgo-key shim %d
@rem %[4]s
if exist %[2]s goto run
echo ocgo-key: %[2]s is not there; OpenCode continues without it 1>&2
%[3]s %%*
exit /b %%errorlevel%%
:run
%[2]s run -- %[3]s %%*
exit /b %%errorlevel%%
`, ShimVersion, batchQuote(program), batchQuote(real), origin), "\n", "\r\n"))
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

// batchQuote quotes a path for a batch file: a path can't contain a quote on Windows, and only % is
// special between quotes.
func batchQuote(s string) string { return `"` + strings.ReplaceAll(s, "%", "%%") + `"` }

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
	power := "$env:PATH = '" + strings.ReplaceAll(dir, "'", "''") + "' + [IO.Path]::PathSeparator + $env:PATH"
	return []PathLine{
		{"bash", "~/.bashrc", posix},
		{"zsh", "~/.zshrc", posix},
		{"fish", "~/.config/fish/config.fish", fish},
		{"PowerShell", "$PROFILE", power},
	}
}
