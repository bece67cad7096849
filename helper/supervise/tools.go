package supervise

import (
	"fmt"
	"strings"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/process"
	"ocgo-key/internal/text"
)

const (
	// toolPatience is how long the commands of OpenCode's tools may delay a restart.
	toolPatience = 30 * time.Second
	// toolPause is the time between two checks of the process table. It is long enough for OpenCode
	// to store the result of a command that has ended.
	toolPause = 200 * time.Millisecond
)

// awaitTools waits until no command of OpenCode's tools runs, for toolPatience at most, and returns
// those that still run. These commands have their own sessions and outlive OpenCode. If OpenCode
// were stopped now, their results would be lost, and they might run twice. Source: docs/facts.md,
// "Stop and resume".
func awaitTools(pid int) []process.Info {
	end := time.Now().Add(toolPatience)
	for {
		tools := toolsOf(pid)
		if len(tools) == 0 || time.Now().After(end) {
			return tools
		}
		time.Sleep(toolPause)
	}
}

func toolsOf(pid int) (tools []process.Info) {
	own := process.Session(pid)
	for _, p := range process.Descendants(pid) {
		if session := process.Session(p.PID); session != 0 && session != own {
			tools = append(tools, p)
		}
	}
	return tools
}

// continueText is the prompt that continues a session. It names the commands that still run, which
// the model cannot see.
func continueText(left []process.Info) string {
	if len(left) == 0 {
		return opencode.GoOn
	}
	names := make([]string, len(left))
	for i, p := range left {
		names[i] = fmt.Sprintf("%d (%s)", p.PID, text.OneLine(p.Name))
	}
	return opencode.GoOn + " These commands from before still run, do not start them again: process " + strings.Join(names, ", ") + "."
}
