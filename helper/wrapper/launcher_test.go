package wrapper

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// npmLauncher is what npm 10 writes for a script of Node.js.
const npmLauncher = `@ECHO off
GOTO start
:find_dp0
SET dp0=%~dp0
EXIT /b
:start
SETLOCAL
CALL :find_dp0

IF EXIST "%dp0%\node.exe" (
  SET "_prog=%dp0%\node.exe"
) ELSE (
  SET "_prog=node"
  SET PATHEXT=%PATHEXT:;.JS;=;%
)

endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%"  "%dp0%\node_modules\client\cli.js" %*
`

func TestBehindLauncher(t *testing.T) {
	const folder = `C:\Users\J\npm\`
	npmProgram := "@ECHO off\r\nCALL :find_dp0\r\n\"%dp0%\\node_modules\\opencode-ai\\bin\\opencode.exe\"   %*\r\n"
	pnpm := "@SETLOCAL\r\n@IF EXIST \"%~dp0\\node.exe\" (\r\n  \"%~dp0\\node.exe\"  \"%~dp0\\..\\client\\cli.js\" %*\r\n) ELSE (\r\n  @SETLOCAL\r\n  node  \"%~dp0\\..\\client\\cli.js\" %*\r\n)\r\n"
	for name, tt := range map[string]struct {
		text   string
		exists []string
		want   []string
	}{
		"npm, a program": {npmProgram, []string{`node_modules\opencode-ai\bin\opencode.exe`}, []string{folder + `node_modules\opencode-ai\bin\opencode.exe`}},
		"npm, a script":  {npmLauncher, []string{`node_modules\client\cli.js`}, []string{"node", folder + `node_modules\client\cli.js`}},
		"npm, with a node of its own": {npmLauncher, []string{`node_modules\client\cli.js`, "node.exe"},
			[]string{folder + "node.exe", folder + `node_modules\client\cli.js`}},
		"pnpm":              {pnpm, []string{`..\client\cli.js`}, []string{"node", folder + `..\client\cli.js`}},
		"nothing there":     {npmProgram, nil, nil},
		"another program":   {strings.ReplaceAll(npmLauncher, `"_prog=node"`, `"_prog=bash"`), []string{`node_modules\client\cli.js`}, nil},
		"arguments between": {"\"%_prog%\" --flag \"%dp0%\\cli.js\" %*\n", []string{"cli.js"}, nil},
		"no launcher":       {"@echo off\necho %*\n", nil, nil},
		"a script alone":    {"\"%~dp0\\x.bat\" %*\n", []string{"x.bat"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			there := func(path string) bool {
				return slices.Contains(tt.exists, strings.TrimPrefix(path, folder))
			}
			if got := behindLauncher(folder+"client.cmd", []byte(tt.text), there); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckBatchArguments(t *testing.T) {
	for argument, fine := range map[string]bool{
		"": true, "run": true, "say hi & bye": true, `C:\x y`: true, "a|b c": true, "caret^ x": true,
		"a\nb": false, "a\rb": false, "%PATH%": false, `"& calc`: false, "a&b": false, "a|b": false, ">out": false, "a^b": false,
	} {
		err := checkBatchArguments("x.cmd", []string{"first", argument})
		if fine && err != nil || !fine && (!errors.Is(err, ErrCannotRun) || !strings.Contains(err.Error(), "argument 2")) {
			t.Errorf("%q: %v", argument, err)
		}
	}
	for path, want := range map[string]bool{`C:\x.CMD`: true, "x.bat": true, "x.exe": false, "x": false, `C:\a.cmd\x`: false} {
		if isBatch(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
