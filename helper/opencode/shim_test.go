package opencode

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShimQuotesItsPaths(t *testing.T) {
	text := string(Shim("linux", "/it's/ocgo $key", "/a b/opencode"))
	assert.True(t, strings.HasPrefix(text, "#!/bin/sh\n"))
	assert.Contains(t, text, `program='/it'\''s/ocgo $key'`+"\n")
	assert.Contains(t, text, "opencode='/a b/opencode'\n")
	assert.NotContains(t, text, "\r")

	text = string(Shim("windows", `C:\100%\ocgo-key.exe`, `C:\npm\opencode.cmd`))
	assert.Contains(t, text, `"C:\100%%\ocgo-key.exe" run -- "C:\npm\opencode.cmd" %*`+"\r\n")
	assert.Equal(t, strings.Count(text, "\n"), strings.Count(text, "\r\n"))
}

func TestShimFolder(t *testing.T) {
	for _, test := range []struct{ goos, name, value, want string }{
		{"linux", "", "", "/home/me/.local/share/ocgo-key/bin"},
		{"darwin", "", "", "/home/me/.local/share/ocgo-key/bin"},
		{"linux", "XDG_DATA_HOME", "/data", "/data/ocgo-key/bin"},
		{"linux", "XDG_DATA_HOME", "data", "/home/me/.local/share/ocgo-key/bin"},
		{"windows", "", "", "/home/me/AppData/Local/ocgo-key/bin"},
		{"windows", "LOCALAPPDATA", "/local", "/local/ocgo-key/bin"},
	} {
		got := ShimFolder(test.goos, func(name string) string {
			if name == test.name {
				return test.value
			}
			return ""
		}, "/home/me")
		assert.Equal(t, test.want, filepath.ToSlash(got), "%+v", test)
	}
}

func TestPathLinesQuoteTheFolder(t *testing.T) {
	got := map[string]string{}
	for _, l := range PathLines("/it's here/bin") {
		got[l.Shell] = l.Line
	}
	assert.Equal(t, map[string]string{
		"bash":       `export PATH='/it'\''s here/bin':"$PATH"`,
		"zsh":        `export PATH='/it'\''s here/bin':"$PATH"`,
		"fish":       `fish_add_path --path --prepend --move '/it\'s here/bin'`,
		"PowerShell": `$env:PATH = '/it''s here/bin' + [IO.Path]::PathSeparator + $env:PATH`,
	}, got)
}

// cmd.exe and Windows PowerShell 5.1 misread a user's name that is not ASCII, so the commands for
// them do not contain it.
func TestShimOfUserWithForeignName(t *testing.T) {
	const real = `C:\Users\Jörg\AppData\Roaming\npm\opencode.cmd`
	text := string(Shim("windows", `C:\Users\Jörg\100%\ocgo-key.exe`, real))
	assert.Contains(t, text, `"%USERPROFILE%\100%%\ocgo-key.exe" run -- "%USERPROFILE%\AppData\Roaming\npm\opencode.cmd" %*`+"\r\n")
	for line := range strings.Lines(text) {
		assert.True(t, strings.HasPrefix(line, "@rem ") || !strings.Contains(line, "Jörg"), line)
	}
	assert.Equal(t, real, target(`C:\bin\opencode.cmd`, []byte(text), func(path string) bool { return path == real }))
	for _, line := range PathLines(`c:\users\Jörg\AppData\Local\ocgo-key\bin`) {
		if line.Shell == "PowerShell" {
			assert.Equal(t, `$env:PATH = $env:USERPROFILE + '\AppData\Local\ocgo-key\bin' + [IO.Path]::PathSeparator + $env:PATH`, line.Line)
		}
	}
	assert.NotContains(t, string(Shim("windows", `D:\ocgo-key.exe`, `C:\Users\Joe\npm\opencode.cmd`)), "USERPROFILE")
}
