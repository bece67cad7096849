package supervise

import (
	"fmt"
	"strings"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/process"
	"ocgo-key/internal/text"
)

// toolPatience is how long commands that OpenCode's tools have started may go on before it is
// stopped all the same; toolPause is the time between two looks, and what OpenCode gets to write a
// result down.
const (
	toolPatience = 30 * time.Second
	toolPause    = 200 * time.Millisecond
)

// AwaitTools waits until no command of OpenCode's tools runs, and returns those that do when
// patience has ended. Such a command has a session of its own and outlives OpenCode; stopped now,
// its result would be lost and it might be run twice. Source: docs/facts.md, "Stop and resume".
func AwaitTools(pid int) []process.Info {
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

// GoOnText tells the model what it cannot see: commands that still run from before.
func GoOnText(left []process.Info) string {
	if len(left) == 0 {
		return opencode.GoOn
	}
	names := make([]string, len(left))
	for i, p := range left {
		names[i] = fmt.Sprintf("%d (%s)", p.PID, text.OneLine(p.Name))
	}
	return opencode.GoOn + " These commands from before still run, do not start them again: process " + strings.Join(names, ", ") + "."
}
