package paths

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateDir(t *testing.T) {
	type env map[string]string
	tests := []struct {
		name, goos, home, want string
		env                    env
	}{
		{"override on linux", "linux", "/home/u", "/x/y", env{"OCGO_KEY_STATE_DIR": "/x/y/", "XDG_STATE_HOME": "/s"}},
		{"override on macos", "darwin", "/Users/u", "/x", env{"OCGO_KEY_STATE_DIR": "/x"}},
		{"override on windows", "windows", `C:\Users\u`, "/x", env{"OCGO_KEY_STATE_DIR": "/x", "LOCALAPPDATA": `C:\L`}},
		{"override without a home", "linux", "", "/x", env{"OCGO_KEY_STATE_DIR": "/x"}},
		{"xdg", "linux", "/home/u", "/s/ocgo-key", env{"XDG_STATE_HOME": "/s"}},
		{"xdg with a slash at its end", "linux", "/home/u", "/s/ocgo-key", env{"XDG_STATE_HOME": "/s//"}},
		{"xdg is the root", "linux", "/home/u", "/ocgo-key", env{"XDG_STATE_HOME": "/"}},
		{"xdg without a home", "linux", "", "/s/ocgo-key", env{"XDG_STATE_HOME": "/s"}},
		{"relative xdg is ignored", "linux", "/home/u", "/home/u/.local/state/ocgo-key", env{"XDG_STATE_HOME": "s"}},
		{"home", "linux", "/home/u", "/home/u/.local/state/ocgo-key", nil},
		{"home is the root", "linux", "/", "/.local/state/ocgo-key", nil},
		{"another unix", "freebsd", "/home/u", "/home/u/.local/state/ocgo-key", nil},
		{"macos", "darwin", "/Users/u", "/Users/u/Library/Application Support/ocgo-key", nil},
		{"macos has no xdg", "darwin", "/Users/u", "/Users/u/Library/Application Support/ocgo-key", env{"XDG_STATE_HOME": "/s"}},
		{"windows", "windows", `C:\Users\u`, `D:\Local\ocgo-key`, env{"LOCALAPPDATA": `D:\Local`}},
		{"windows, a share", "windows", `C:\Users\u`, `\\srv\Local\ocgo-key`, env{"LOCALAPPDATA": `\\srv\Local`}},
		{"windows, slashes", "windows", `C:\Users\u`, `D:\Local\ocgo-key`, env{"LOCALAPPDATA": `D:/Local/`}},
		{"windows without LOCALAPPDATA", "windows", `C:\Users\u`, `C:\Users\u\AppData\Local\ocgo-key`, nil},
		{"windows, relative LOCALAPPDATA", "windows", `C:\Users\u`, `C:\Users\u\AppData\Local\ocgo-key`, env{"LOCALAPPDATA": `Local`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := func() (string, error) {
				if tt.home == "" {
					return "", errors.New("no home")
				}
				return tt.home, nil
			}
			got, err := stateDir(tt.goos, func(k string) string { return tt.env[k] }, home)
			if err != nil {
				t.Fatal(err)
			}
			if got != filepath.FromSlash(tt.want) && got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStateDirWithoutHome(t *testing.T) {
	none := errors.New("$HOME is not defined")
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, home := range []func() (string, error){
			func() (string, error) { return "", none },
			func() (string, error) { return "", nil },
			func() (string, error) { return "here", nil },
		} {
			got, err := stateDir(goos, func(string) string { return "" }, home)
			if err == nil {
				t.Fatalf("%s: got %q", goos, got)
			}
			if !strings.Contains(err.Error(), "set OCGO_KEY_STATE_DIR") {
				t.Errorf("%s: %q does not say what to do", goos, err)
			}
			if _, herr := home(); herr != nil && !errors.Is(err, none) {
				t.Errorf("%s: %q does not contain its cause", goos, err)
			}
		}
	}
}

func TestStateDirHere(t *testing.T) {
	got, err := StateDir(os.Getenv, func() (string, error) { return t.TempDir(), nil })
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(StateDirEnv) == "" && filepath.Base(got) != "ocgo-key" {
		t.Fatalf("got %q", got)
	}
}
