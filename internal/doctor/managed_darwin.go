package doctor

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"time"

	"ocgo-key/helper/opencode"
)

// managedPreferences returns the configuration from device management, as OpenCode reads it.
func managedPreferences(ctx context.Context) (path string, text []byte, ok bool) {
	me, err := user.Current()
	if err != nil {
		return "", nil, false
	}
	for _, path := range opencode.ManagedPreferences(me.Username) {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, serviceLimit)
		defer cancel()
		cmd := exec.CommandContext(ctx, "plutil", "-convert", "json", "-o", "-", path)
		cmd.WaitDelay = time.Second
		if text, err := cmd.Output(); err == nil {
			return path, text, true
		}
	}
	return "", nil, false
}
