package opencode

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// put writes a file below root, creates its folders, and returns its path.
func put(t *testing.T, root, name, content string) string {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
	return path
}

func link(t *testing.T, to, path string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.Symlink(to, path))
	return path
}

func packageText(name, version string) string {
	return fmt.Sprintf(`{"name": %q, "version": %q}`, name, version)
}

// folder returns a temporary folder whose path contains no links.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

// binary returns the content of a program with this user agent, and with the mark of version 2 if
// second is set.
func binary(agent string, second bool) string {
	mark := ""
	if second {
		mark = "process.env.OPENCODE_CLI_CONFIG_CONTENT"
	}
	return "\x7fELF\x00\x00" + strings.Repeat("x", 4000) + mark + "\x00" + strings.Repeat("y", 5000) + "\x05\x00--user-agent=" + agent + " --use-system-ca --\x00\x01"
}

const platformDir = runtime.GOOS + "-x64"

func TestIdentifyByPackage(t *testing.T) {
	name := programName(runtime.GOOS)
	tests := map[string]struct {
		files      map[string]string
		link       string // the path of a link to the file at start; empty for none
		start      string
		real       string
		generation int
		version    string
	}{
		"version 1, as npm puts it": {
			files: map[string]string{"node_modules/opencode-ai/package.json": packageText("opencode-ai", "1.18.33"), "node_modules/opencode-ai/bin/opencode.exe": "\x7fELF\x00"},
			link:  "node_modules/.bin/opencode", start: "node_modules/opencode-ai/bin/opencode.exe", real: "node_modules/opencode-ai/bin/opencode.exe", generation: 1, version: "1.18.33"},
		"version 1, its postinstall not run": {
			files: map[string]string{"node_modules/opencode-ai/package.json": packageText("opencode-ai", "1.18.33"), "node_modules/opencode-ai/bin/opencode.exe": "echo \"Error: opencode-ai's postinstall script was not run.\" >&2\n"},
			start: "node_modules/opencode-ai/bin/opencode.exe", real: "node_modules/opencode-ai/bin/opencode.exe", generation: 1, version: "1.18.33"},
		"the platform's own package, version 1": {
			files: map[string]string{"opencode-" + platformDir + "/package.json": packageText("opencode-"+platformDir, "1.19.2"), "opencode-" + platformDir + "/bin/opencode": "\x7fELF\x00"},
			start: "opencode-" + platformDir + "/bin/opencode", real: "opencode-" + platformDir + "/bin/opencode", generation: 1, version: "1.19.2"},
		"the platform's own package, version 2": {
			files: map[string]string{"@opencode/cli-" + platformDir + "-baseline/package.json": packageText("@opencode/cli-"+platformDir+"-baseline", "2.0.15"), "@opencode/cli-" + platformDir + "-baseline/bin/opencode": "\x7fELF\x00"},
			link:  "bin/opencode", start: "@opencode/cli-" + platformDir + "-baseline/bin/opencode", real: "@opencode/cli-" + platformDir + "-baseline/bin/opencode", generation: 2, version: "2.0.15"},
		"version 2's launcher, the program beside it": {
			files: map[string]string{"lib/node_modules/@opencode/cli/package.json": packageText("@opencode/cli", "2.0.15"), "lib/node_modules/@opencode/cli/bin/opencode": "#!/usr/bin/env node\n",
				"lib/node_modules/@opencode/cli-" + platformDir + "/package.json": packageText("@opencode/cli-"+platformDir, "2.0.14"), "lib/node_modules/@opencode/cli-" + platformDir + "/bin/" + name: "\x7fELF\x00"},
			link: "bin/opencode", start: "lib/node_modules/@opencode/cli/bin/opencode", real: "lib/node_modules/@opencode/cli-" + platformDir + "/bin/" + name, generation: 2, version: "2.0.14"},
		"version 2's launcher, the program below it": {
			files: map[string]string{"lib/node_modules/@opencode/cli/package.json": packageText("@opencode/cli", "2.0.15"), "lib/node_modules/@opencode/cli/bin/opencode": "#!/usr/bin/env node\n",
				"lib/node_modules/@opencode/cli/node_modules/@opencode/cli-" + platformDir + "/package.json": packageText("@opencode/cli-"+platformDir, "2.0.15"),
				"lib/node_modules/@opencode/cli/node_modules/@opencode/cli-" + platformDir + "/bin/" + name:  "\x7fELF\x00"},
			start: "lib/node_modules/@opencode/cli/bin/opencode", real: "lib/node_modules/@opencode/cli/node_modules/@opencode/cli-" + platformDir + "/bin/" + name, generation: 2, version: "2.0.15"},
		"version 2's launcher alone": {
			files: map[string]string{"@opencode/cli/package.json": packageText("@opencode/cli", "2.0.15"), "@opencode/cli/bin/opencode": "#!/usr/bin/env node\n"},
			start: "@opencode/cli/bin/opencode", real: "@opencode/cli/bin/opencode", generation: 2, version: "2.0.15"},
		"a launcher of version 1": {
			files: map[string]string{"n/opencode-ai/package.json": packageText("opencode-ai", "1.0.3"), "n/opencode-ai/bin/opencode": "#!/usr/bin/env node\n",
				"n/opencode-" + platformDir + "/package.json": packageText("opencode-"+platformDir, "1.0.3"), "n/opencode-" + platformDir + "/bin/" + name: "\x7fELF\x00"},
			start: "n/opencode-ai/bin/opencode", real: "n/opencode-" + platformDir + "/bin/" + name, generation: 1, version: "1.0.3"},
		"pnpm's script": {
			files: map[string]string{"pnpm/opencode": "#!/bin/sh\nbasedir=$(dirname \"$(echo \"$0\" | sed -e 's,\\\\,/,g')\")\nif [ -x \"$basedir/node\" ]; then\n  exec \"$basedir/node\"  \"$basedir/global/5/node_modules/@opencode/cli/bin/opencode\" \"$@\"\nfi\n",
				"pnpm/global/5/node_modules/@opencode/cli/package.json": packageText("@opencode/cli", "2.0.15"), "pnpm/global/5/node_modules/@opencode/cli/bin/opencode": "#!/usr/bin/env node\n"},
			start: "pnpm/opencode", real: "pnpm/global/5/node_modules/@opencode/cli/bin/opencode", generation: 2, version: "2.0.15"},
		"a version from later": {
			files: map[string]string{"@opencode/cli/package.json": packageText("@opencode/cli", "3.1.0"), "@opencode/cli/bin/opencode": "\x7fELF\x00"},
			start: "@opencode/cli/bin/opencode", real: "@opencode/cli/bin/opencode", generation: 3, version: "3.1.0"},
		"somebody else's package": {
			files: map[string]string{"opencode-tool/package.json": packageText("opencode-tool", "1.2.3"), "opencode-tool/bin/opencode": "#!/bin/sh\necho\n"},
			start: "opencode-tool/bin/opencode", real: "opencode-tool/bin/opencode"},
		"a script that leads nowhere": {files: map[string]string{"bin/opencode": "#!/bin/sh\nexec /nowhere/bin/opencode \"$@\"\n"}, start: "bin/opencode", real: "bin/opencode"},
		"an empty file":               {files: map[string]string{"bin/opencode": ""}, start: "bin/opencode", real: "bin/opencode"},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			root := folder(t)
			for name, content := range tt.files {
				put(t, root, name, content)
			}
			start := filepath.Join(root, filepath.FromSlash(tt.start))
			if tt.link != "" {
				start = link(t, start, filepath.Join(root, filepath.FromSlash(tt.link)))
			}
			p, err := Identify(start, nil)
			require.NoError(t, err)
			assert.Equal(t, Program{Path: start, Real: filepath.Join(root, filepath.FromSlash(tt.real)), Generation: tt.generation, Version: tt.version}, p)
		})
	}
}

func TestIdentifyByContent(t *testing.T) {
	tests := map[string]struct {
		content    string
		generation int
		version    string
	}{
		"version 1":                 {binary("opencode/1.18.33", false), 1, "1.18.33"},
		"version 2":                 {binary("opencode/latest/2.0.15/cli", true), 2, "2.0.15"},
		"version 2, another agent":  {binary("other", true), 2, ""},
		"a build of version 1":      {binary("opencode/0.0.0-dev-202611260116", false), 1, "0.0.0-dev-202611260116"},
		"a build of version 2":      {binary("opencode/local/0.0.0-dev-202611260116/cli", true), 2, "0.0.0-dev-202611260116"},
		"a version from later":      {binary("opencode/latest/3.1.0/cli", true), 3, "3.1.0"},
		"none":                      {binary("other", false), 0, ""},
		"the mark before the tail":  {"\x00" + secondMark + strings.Repeat("z", scanTail+3*searchChunk), 2, ""},
		"the mark across two reads": {"\x00" + strings.Repeat("z", len(agentMark)+agentText+searchChunk-10) + secondMark + strings.Repeat("z", scanTail), 2, ""},
		"the agent at the very end": {"\x00" + strings.Repeat("z", scanTail) + agentMark + "2.0.1 ", 2, "2.0.1"},
		"the agent far from it":     {"\x00" + agentMark + "1.2.3 --" + strings.Repeat("z", 2*scanTail), 1, "1.2.3"},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			path := put(t, folder(t), "bin/opencode", tt.content)
			p, err := Identify(path, nil)
			require.NoError(t, err)
			assert.Equal(t, Program{Path: path, Real: path, Generation: tt.generation, Version: tt.version}, p)
		})
	}
}

func TestIdentifyWhatIsNotThere(t *testing.T) {
	dir := folder(t)
	_, err := Identify(filepath.Join(dir, "opencode"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, filepath.Join(dir, "opencode"))
	_, err = Identify(dir, nil)
	assert.Error(t, err)
}

// Identify ends for a script that starts itself, and for two scripts that start each other.
func TestIdentifyCircles(t *testing.T) {
	root := folder(t)
	one, other := filepath.Join(root, "a", "opencode"), filepath.Join(root, "b", "opencode")
	put(t, root, "a/opencode", "#!/bin/sh\nexec '"+other+"' \"$@\"\n")
	put(t, root, "b/opencode", "#!/bin/sh\nexec '"+one+"' \"$@\"\n")
	p, err := Identify(one, nil)
	require.NoError(t, err)
	assert.Zero(t, p.Generation)
}

// Identify follows our own shim to the real program.
func TestIdentifyThroughShim(t *testing.T) {
	root := folder(t)
	real := put(t, root, "real/opencode", binary("opencode/latest/2.0.15/cli", true))
	shim := put(t, root, "shim/opencode", string(Shim("linux", "/opt/ocgo-key", real)))
	p, err := Identify(shim, nil)
	require.NoError(t, err)
	assert.Equal(t, Program{shim, real, 2, "2.0.15"}, p)
}

func TestTarget(t *testing.T) {
	const npm = `C:\Users\u\AppData\Roaming\npm\`
	cmd := func(runs string) string {
		return "@ECHO off\r\nGOTO start\r\n:find_dp0\r\nSET dp0=%~dp0\r\nEXIT /b\r\n:start\r\nSETLOCAL\r\nCALL :find_dp0\r\n" + runs + "\r\n"
	}
	node := "\r\nIF EXIST \"%dp0%\\node.exe\" (\r\n  SET \"_prog=%dp0%\\node.exe\"\r\n) ELSE (\r\n  SET \"_prog=node\"\r\n)\r\nendLocal & \"%_prog%\"  \"%dp0%\\node_modules\\@opencode\\cli\\bin\\opencode\" %*"
	tests := map[string]struct{ script, text, want string }{
		"npm's cmd, a program":   {npm + "opencode.cmd", cmd(`"%dp0%\node_modules\opencode-ai\bin\opencode.exe"   %*`), npm + `node_modules\opencode-ai\bin\opencode.exe`},
		"npm's cmd, a script":    {npm + "opencode.cmd", cmd(node), npm + `node_modules\@opencode\cli\bin\opencode`},
		"npm's PowerShell":       {npm + "opencode.ps1", "$basedir=Split-Path $MyInvocation.MyCommand.Definition -Parent\n& \"$basedir/node_modules/opencode-ai/bin/opencode.exe\"   $args\n", npm + `node_modules\opencode-ai\bin\opencode.exe`},
		"an old one":             {npm + "opencode.cmd", "@\"%~dp0\\node_modules\\opencode-ai\\bin\\opencode\" %*\r\n", npm + `node_modules\opencode-ai\bin\opencode`},
		"our shim":               {`C:\s\opencode.cmd`, string(Shim("windows", `C:\p\ocgo-key.exe`, `C:\100% ok\opencode.exe`)), `C:\100% ok\opencode.exe`},
		"Homebrew's":             {"/opt/homebrew/bin/opencode", "#!/bin/bash\nexec \"/opt/homebrew/Cellar/opencode/2.0.15/libexec/bin/opencode\"  \"$@\"\n", "/opt/homebrew/Cellar/opencode/2.0.15/libexec/bin/opencode"},
		"one that starts itself": {"/bin/opencode", "#!/bin/sh\nexec /bin/opencode\n", ""},
		"prose":                  {"/bin/opencode", "an opencode of sorts\n", ""},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			assert.Equal(t, tt.want, target(tt.script, []byte(tt.text), func(string) bool { return true }))
			assert.Empty(t, target(tt.script, []byte(tt.text), func(string) bool { return false }))
		})
	}
}

func TestScoop(t *testing.T) {
	root := folder(t)
	real := put(t, root, "apps/opencode/current/opencode.exe", binary("opencode/1.18.33", false))
	start := put(t, root, "shims/opencode.exe", "MZ\x00")
	put(t, root, "shims/opencode.shim", "path = \""+real+"\"\r\n")
	p, err := Identify(start, nil)
	require.NoError(t, err)
	assert.Equal(t, Program{start, real, 1, "1.18.33"}, p)
}

func TestTested(t *testing.T) {
	for version, tried := range map[string]bool{"1.18.33": true, "1.18.0": true, "2.0.15": true, "2.0.27": true, "2.1.0": false, "1.19.2": false, "3.0.1": false, "1.18.33-beta": false, "": false, "0.0.0-dev": false} {
		p := Program{Path: "/x/opencode", Version: version}
		assert.Equal(t, tried, p.Tested(), version)
		assert.Equal(t, tried, p.Untested() == "", version)
	}
	assert.Equal(t, "opencode 3.1.0 was not tested with ocgo-key; 1.18.33 and 2.0.15 were", Program{Generation: 3, Version: "3.1.0"}.Untested())
	assert.Equal(t, "the version of /x/opencode is not known; ocgo-key was tested with 1.18.33 and 2.0.15", Program{Path: "/x/opencode"}.Untested())
	assert.Equal(t, "/x/opencode is an OpenCode 2 of unknown version; ocgo-key was tested with 1.18.33 and 2.0.15", Program{Path: "/x/opencode", Generation: 2}.Untested())
}

// The result for a program is remembered until the program changes. A broken cache is ignored.
func TestCache(t *testing.T) {
	state := folder(t)
	path := put(t, folder(t), "opencode", binary("opencode/1.18.33", false))
	changed := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	require.NoError(t, os.Chtimes(path, changed, changed))
	identify := func() Program {
		t.Helper()
		p, err := Identify(path, OpenCache(state))
		require.NoError(t, err)
		return p
	}
	assert.Equal(t, 1, identify().Generation)
	kept := filepath.Join(state, ProgramsName)
	info, err := os.Stat(kept)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

	// A file with the same path, size and time is not read again.
	other := bytes.Replace([]byte(binary("opencode/1.18.33", false)), []byte("1.18.33"), []byte("2.18.33"), 1)
	require.NoError(t, os.WriteFile(path, other, 0o755))
	require.NoError(t, os.Chtimes(path, changed, changed))
	assert.Equal(t, "1.18.33", identify().Version)

	require.NoError(t, os.Chtimes(path, changed, changed.Add(time.Second)))
	assert.Equal(t, "2.18.33", identify().Version)
	text, err := os.ReadFile(kept)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(text), `"path"`), "%s", text)

	for _, broken := range []string{"", "{", `{"version":2,"programs":[]}`, strings.Repeat("x", 1<<17)} {
		require.NoError(t, os.WriteFile(kept, []byte(broken), 0o600))
		assert.Equal(t, "2.18.33", identify().Version, "%.20s", broken)
	}
}

func TestFind(t *testing.T) {
	root := folder(t)
	name := "opencode"
	if runtime.GOOS == "windows" {
		name = "opencode.cmd"
	}
	put(t, root, "shim/"+name, string(Shim(runtime.GOOS, filepath.Join(root, "ocgo-key"), filepath.Join(root, "real", name))))
	real := put(t, root, "real/"+name, "#!/bin/sh\n")
	put(t, root, "later/"+name, "#!/bin/sh\n")
	search := func(dirs ...string) string { return strings.Join(dirs, string(os.PathListSeparator)) }
	found, err := Find(search("", "relative", filepath.Join(root, "none"), filepath.Join(root, "shim"), filepath.Join(root, "real"), filepath.Join(root, "later")))
	require.NoError(t, err)
	assert.Equal(t, real, found)
	_, err = Find(filepath.Join(root, "shim"))
	assert.ErrorIs(t, err, exec.ErrNotFound)
}

func TestOlderVersions(t *testing.T) {
	for _, pair := range [][2]string{{"0.15.2", "1.0.0"}, {"1.0.0", "1.0.1"}, {"1.9.9", "1.10.0"}, {"1.18.33-beta.1", "2.0.0"}} {
		assert.True(t, Older(pair[0], pair[1]), "%v", pair)
		assert.False(t, Older(pair[1], pair[0]), "%v", pair)
	}
	assert.False(t, Older("1.0.0", "1.0.0"))
	assert.False(t, Older("", "1.0.0"))
	assert.False(t, Older("none", "1.0.0"))
}

func TestSays(t *testing.T) {
	for output, want := range map[string]Program{
		"1.18.33\n":              {Generation: 1, Version: "1.18.33"},
		"opencode v2.0.15\n":     {Generation: 2, Version: "2.0.15"},
		"opencode v3.1.0-rc.1\n": {Generation: 3, Version: "3.1.0-rc.1"},
		"hello\n":                {},
		"":                       {},
	} {
		var p Program
		p.Says(output)
		assert.Equal(t, want, p, output)
	}
	p := Program{Generation: 2, Version: "2.0.15"}
	p.Says("1.18.33")
	assert.Equal(t, "2.0.15", p.Version)
}
