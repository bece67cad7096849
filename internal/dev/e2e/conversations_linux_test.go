package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shared starts a gateway that gives each conversation its own account. It returns the same world
// with OpenCode configured to use that gateway.
func (of openCode1) shared() (gateway *command, pointed *world) {
	w := of.w
	w.t.Helper()
	c := w.command("ocgo-key", "gateway", "--lease", "conversation")
	out, err := c.ownStdout()
	require.NoError(w.t, err)
	require.NoError(w.t, c.Start())
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(w.t, err)
	var at struct {
		BaseURL string `json:"base_url"`
		Token   string `json:"token"`
	}
	require.NoError(w.t, json.Unmarshal(line, &at))
	content := fmt.Sprintf(`{"provider":{"opencode-go":{"options":{"baseURL":%q,"apiKey":%q}}}}`, at.BaseURL, at.Token)
	return c, w.with("OPENCODE_CONFIG_CONTENT="+content, "OPENCODE_API_KEY="+at.Token)
}

// Each OpenCode session on one gateway has its own account, which also serves the request for its
// title. A session keeps its account after OpenCode and the gateway were killed and started again.
// At a limit that session switches, and a new session gets the next account.
func TestSessionsOfOpenCodeAreConversations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	gateway, at := w.shared()
	first, url := at.serve()
	at.say(url, at.session(url), model)
	second := at.session(url)
	at.say(url, second, model)
	assert.Equal(t, []string{"Work", "Personal"}, w.asked())
	for _, r := range w.service.Requests() {
		if r.Title {
			assert.Contains(t, []string{"Work", "Personal"}, r.Account, "a title has its session's account")
		}
	}
	for _, c := range []*command{gateway, first} {
		require.NoError(t, c.Process.Kill())
		c.end()
	}

	_, at = w.shared()
	w.service.ClearRequests()
	_, url = at.serve()
	at.say(url, second, model)
	assert.Equal(t, []string{"Personal"}, w.asked())
	w.limit("Personal", time.Hour)
	at.say(url, second, model)
	assert.Equal(t, []string{"Personal", "Personal", "Spare"}, w.asked())
	third := at.session(url)
	at.say(url, third, model)
	at.say(url, third, model)
	assert.Equal(t, []string{"Work", "Work"}, w.asked()[3:])
}
