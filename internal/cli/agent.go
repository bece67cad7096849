package cli

import (
	"slices"

	"ocgo-key/helper/supervise"
	"ocgo-key/internal/hint"
)

// agentVariable marks the shells of an agent's tools; the plugin sets it there.
const agentVariable = "OCGO_KEY_AGENT_SHELL"

// notForAgents are the commands that hand out a key, change whose turn it is, or which program plain opencode uses.
var notForAgents = []string{"get", "add", "import", "remove", "rename", "enable", "disable", "replace", "rotate", "migrate", "install", "uninstall"}

// refuseAgent refuses commands that an agent, or a prompt injected into it, must not run. It is a speed bump: who
// can run a command can also take a variable out of its environment. See docs/threat-model.md.
func (a *app) refuseAgent(command string, g *grammar) error {
	// Under `run` the mark is OpenCode's own for its tools, together with ours for all that it starts.
	inTool := a.getenv(agentVariable) != "" || a.getenv(supervise.GatewayVariable) != "" && a.getenv("OPENCODE") != ""
	looks := g.Install.DryRun || g.Uninstall.DryRun
	changes := g.Run.EnvKey || g.Config.changes() || g.Doctor.Repair
	if !inTool || (!slices.Contains(notForAgents, command) || looks) && !changes {
		return nil
	}
	return hint.On(hint.Refuse("an agent's shell may not get a key or change an account"),
		"run this in your own terminal")
}
