package demo

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

// The demo shows that the second account answers when the first one is used up.
func TestStage(t *testing.T) {
	told := make(chan string, 2)
	stage, err := NewStage(t.Context(), func(sentence string) { told <- sentence })
	require.NoError(t, err)
	_, err = Ask(t.Context(), stage.Service.BaseURL(), "demo-key-1")
	assert.ErrorContains(t, err, "429")
	assert.Equal(t, "Work asks for a turn of the conversation: 429, weekly limit used up", <-told)
	answer, err := Ask(t.Context(), stage.Service.BaseURL(), "demo-key-2")
	require.NoError(t, err)
	assert.Equal(t, "Hello from Personal.", answer)
	assert.Equal(t, "Personal asks for a turn of the conversation: answered", <-told)
	require.NoError(t, stage.Service.Close())
	assert.Empty(t, told)

	o, err := stage.Pool.Overview(t.Context())
	require.NoError(t, err)
	require.Len(t, o.Accounts, 3)
	for _, v := range o.Accounts {
		_, err := stage.Keys.Get(t.Context(), v.ID)
		assert.NoError(t, err)
		assert.Equal(t, rotation.Ready, v.Condition.State)
	}
}

// OpenCode gets its own home folder and none of the user's settings. Without OpenCode, the client
// is ocgo-key itself.
func TestClient(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("OPENCODE_CONFIG", "/mine.json")
	c, err := NewClient()
	require.NoError(t, err)
	defer c.Close()
	assert.False(t, c.OpenCode)
	assert.Equal(t, "demo-client", c.Command.Argv[1])
	env := environment("/scratch")
	assert.Contains(t, env, "HOME=/scratch")
	assert.False(t, slices.Contains(env, "OPENCODE_CONFIG=/mine.json"))
}
