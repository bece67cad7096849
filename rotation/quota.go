package rotation

import (
	"encoding/json"
	"time"
)

// Usage is what the service says an account has used: the answer of its endpoint /usage.
// Source: opencode-facts, "The Go service".
type Usage struct {
	Workspace string // id; may be empty
	User      string // id; may be empty
	Windows   map[string]Window
}

// Window is one of the three usage limits, named rolling (5 hours), weekly and monthly.
type Window struct {
	Status   string    `json:"status"`  // "ok" or "rate-limited"
	Percent  int       `json:"percent"` // used, a whole number
	ResetsAt time.Time `json:"resetsAt"`
}

// ParseUsage reads the body of /usage.
func ParseUsage(body []byte) (Usage, error) {
	var raw struct {
		Workspace string            `json:"workspaceID"`
		User      string            `json:"userID"`
		Usage     map[string]Window `json:"usage"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return Usage{}, err
	}
	return Usage{Workspace: oneLine(raw.Workspace, ""), User: oneLine(raw.User, ""), Windows: raw.Usage}, nil
}
