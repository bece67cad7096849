package doctor

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestModels(t *testing.T) {
	o := home(t, nil, second)
	path := write(t, filepath.Join(o.home, "opencode.json"), `{"providers":{"opencode-go":{"models":{"kimi-k2.6":{"settings":{"baseURL":"https://example.com"}}}}}}`, 0o600)
	assert.Equal(t, []string{"problem: " + path + " sets baseURL for model kimi-k2.6 alone: plain `opencode` uses it and not the pool | ${EDITOR:-vi} " + path}, short(o.models([]string{path, filepath.Join(o.home, "none.json")})))
	o.pooled = true
	assert.Equal(t, []string{"note: " + path + " sets baseURL for model kimi-k2.6 alone: the pool's is used in its place | ${EDITOR:-vi} " + path}, short(o.models([]string{path})))
}
