package cli

import (
	"net/url"
	"slices"

	"ocgo-key/helper/supervise"
	"ocgo-key/internal/hint"
)

// agentVariable marks the shells of an agent's tools; the plugin sets it there.
const agentVariable = "OCGO_KEY_AGENT_SHELL"

// agentMarks are the variables that agents set for their tools: OpenCode, Claude Code, Codex, pi and Qwen Code. Alone
// they say nothing, since an agent's own configuration may call the helper. Claude Code runs its apiKeyHelper with
// AI_AGENT and without CLAUDECODE.
var agentMarks = []string{"OPENCODE", "CLAUDECODE", "CODEX_CI", "PI_CODING_AGENT", "QWEN_CODE"}

// notForAgents are the commands that hand out a key, change whose turn it is, or which program plain opencode uses.
var notForAgents = []string{"get", "add", "import", "remove", "rename", "enable", "disable", "replace", "rotate", "migrate", "install", "uninstall"}

// usesService are the other commands that send keys to the base URL.
var usesService = []string{"status", "doctor", "run", "gateway"}

// inAgentsShell reports whether the environment has the mark of an agent's shell. Under `run` that is the agent's own
// for its tools, together with ours for all that `run` starts.
func (a *app) inAgentsShell() bool {
	if a.getenv(agentVariable) != "" {
		return true
	}
	return a.getenv(supervise.GatewayVariable) != "" &&
		slices.ContainsFunc(agentMarks, func(name string) bool { return a.getenv(name) != "" })
}

// refuseAgent refuses commands that an agent, or a prompt injected into it, must not run. It is a speed bump: who
// can run a command can also take a variable out of its environment. See docs/threat-model.md.
func (a *app) refuseAgent(command string, g *grammar) error {
	if !a.inAgentsShell() {
		return nil
	}
	looks := g.Install.DryRun || g.Uninstall.DryRun
	changes := g.Run.EnvKey || g.Config.changes() || g.Doctor.Repair
	offline := command == "status" && g.Status.Offline
	switch {
	case changes, slices.Contains(notForAgents, command) && !looks:
		return hint.On(hint.Refuse("an agent's shell may not get a key or change an account"),
			"run this in your own terminal")
	case slices.Contains(usesService, command) && !offline && redirects(g.BaseURL):
		return hint.On(hint.Refuse("in an agent's shell keys are sent to no other base URL than the default"),
			"leave out --base-url and OCGO_KEY_BASE_URL, or run this in your own terminal")
	case command == "status" && !offline:
		return hint.On(hint.Refuse("an agent's shell sends no key to the service"),
			"`ocgo-key status --offline` shows what is known")
	}
	return nil
}

// defaultBaseURL is what --base-url is where nobody sets it.
const defaultBaseURL = "https://opencode.ai/zen/go/v1"

// redirects reports whether keys would go to another place than the service itself or this machine.
func redirects(base string) bool {
	u, err := url.Parse(base)
	return err == nil && base != defaultBaseURL && !loopback(u.Hostname())
}
