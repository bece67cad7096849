package doctor

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper/opencode"
)

var first, second = opencode.Program{Path: "/bin/opencode", Generation: 1, Version: "1.18.33"}, opencode.Program{Path: "/bin/opencode", Generation: 2, Version: "2.0.15"}

func TestVersions(t *testing.T) {
	for want, p := range map[string]opencode.Program{
		"": first,
		"problem: /bin/opencode is OpenCode 0.15.2; the gateway needs 1.0.0 or newer | /bin/opencode upgrade":                                    {Path: "/bin/opencode", Version: "0.15.2"},
		"note: opencode 3.1.0 was not tested with ocgo-key; 1.18.33 and 2.0.15 were | ocgo-key run -- opencode run hi":                           {Path: "/bin/opencode", Generation: 3, Version: "3.1.0"},
		"note: the version of /bin/opencode is not known; ocgo-key was tested with 1.18.33 and 2.0.15 | ocgo-key run -- opencode run hi":         {Path: "/bin/opencode"},
		"note: /bin/opencode is an OpenCode 2 of unknown version; ocgo-key was tested with 1.18.33 and 2.0.15 | ocgo-key run -- opencode run hi": {Path: "/bin/opencode", Generation: 2},
	} {
		assert.Equal(t, want, strings.Join(findings(home(t, nil, p).versions), "\n"))
	}
}

func TestOpenCode(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // the programs here are shell scripts
	}
	for what, tt := range map[string]struct{ script, want string }{
		"none":      {"", "problem: there is no opencode on PATH, so `ocgo-key run` has nothing to run | npm install -g opencode-ai"},
		"good":      {"echo 1.18.33", ""},
		"too old":   {"echo 0.15.2", "problem: HOME/bin/opencode is OpenCode 0.15.2; the gateway needs 1.0.0 or newer | HOME/bin/opencode upgrade"},
		"untried":   {"echo 3.1.0", "note: opencode 3.1.0 was not tested with ocgo-key; 1.18.33 and 2.0.15 were | ocgo-key run -- opencode run hi"},
		"it breaks": {"exit 3", "problem: HOME/bin/opencode does not run: exit status 3 | npm install -g opencode-ai"},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			if tt.script != "" {
				m.opencode(tt.script)
			}
			if tt.want == "" {
				assert.Equal(t, "1.18.33, "+filepath.Join(m.home, "bin", "opencode"), m.finds("opencode").Well)
				return
			}
			m.finds("opencode", tt.want)
		})
	}
}
