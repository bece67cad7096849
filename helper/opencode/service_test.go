package opencode

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadService(t *testing.T) {
	dir := folder(t)
	s, err := ReadService(put(t, dir, "good.json", `{"id":"x","version":"2.0.15","url":"http://127.0.0.1:49511","pid":7,"password":"p"}`))
	require.NoError(t, err)
	assert.Equal(t, &Service{Server2: Server2{URL: "http://127.0.0.1:49511", Password: "p"}, Version: "2.0.15", PID: 7}, s)
	for name, text := range map[string]string{"nonsense": "{", "elsewhere": `{"url":"http://example.com","password":"p"}`, "other": `{"url":"file:///x","password":"p"}`, "no address": `{"password":"p"}`} {
		_, err := ReadService(put(t, dir, name+".json", text))
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "example.com", name)
	}
}
