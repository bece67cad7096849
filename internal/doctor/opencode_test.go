package doctor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper/opencode"
)

var first, second = opencode.Program{Path: "/bin/opencode", Generation: 1, Version: "1.18.33"}, opencode.Program{Path: "/bin/opencode", Generation: 2, Version: "2.0.15"}

func TestVersions(t *testing.T) {
	for want, p := range map[string]opencode.Program{
		"": first,
		"problem: /bin/opencode is OpenCode 0.15.2; the gateway needs 1.0.0 or newer | /bin/opencode upgrade":                                        {Path: "/bin/opencode", Version: "0.15.2"},
		"note: opencode 3.1.0 has not been tried with ocgo-key; 1.18.33 and 2.0.15 have | ocgo-key run -- opencode run hi":                           {Path: "/bin/opencode", Generation: 3, Version: "3.1.0"},
		"note: it is not known which OpenCode /bin/opencode is; ocgo-key has been tried with 1.18.33 and 2.0.15 | ocgo-key run -- opencode run hi":   {Path: "/bin/opencode"},
		"note: /bin/opencode is an OpenCode 2 of unknown version; ocgo-key has been tried with 1.18.33 and 2.0.15 | ocgo-key run -- opencode run hi": {Path: "/bin/opencode", Generation: 2},
	} {
		assert.Equal(t, want, strings.Join(short(home(t, nil, p).versions()), "\n"))
	}
}
