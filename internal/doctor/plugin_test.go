package doctor

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper/opencode"
)

func TestPluginsOfOthers(t *testing.T) {
	o := home(t, nil, second)
	assert.Empty(t, o.others())
	log := opencode.LogFile(o.getenv, o.home)
	ours, other := write(t, filepath.Join(o.home, opencode.PluginName), "x", 0o600), write(t, filepath.Join(o.home, "other.js"), "x", 0o600)
	line := func(plugin string) string {
		return fmt.Sprintf("timestamp=T level=WARN run=a message=\"failed to load plugin\" target=%q ref=err_1 cause=\"sk-secret\"\n", plugin)
	}
	write(t, log, "timestamp=T level=INFO run=a message=\"cli starting\" args=\"[\\\"serve\\\",\\\"--service\\\"]\" role=cli\n"+line(ours)+line(other)+line(filepath.Join(o.home, "gone.js")), 0o600)
	assert.Equal(t, []string{
		"note: OpenCode 2 could not load the plugin " + other + " | grep 'failed to load plugin' " + log,
	}, short(o.others()))
}
