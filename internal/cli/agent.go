package cli

import (
	"net/url"
	"slices"

	"ocgo-key/helper/supervise"
	"ocgo-key/internal/hint"
)

// agentVariable marks the shells of an agent's tools; the plugin sets it there.
const agentVariable = "OCGO_KEY_AGENT_SHELL"

// agentMarks are the variables that agents set for their tools: OpenCode, Claude Code, Codex, pi
// and Qwen Code. They count only under `run`: elsewhere an agent may call `get` as its own
// credential helper. Claude Code runs its apiKeyHelper with AI_AGENT and without CLAUDECODE.
var agentMarks = []string{"OPENCODE", "CLAUDECODE", "CODEX_CI", "PI_CODING_AGENT", "QWEN_CODE"}

// notForAgents are the commands that hand out a key, change accounts or their order, or change which
// program plain opencode runs.
var notForAgents = []string{"get", "add", "import", "remove", "rename", "enable", "disable", "replace", "rotate", "use", "migrate", "install", "uninstall"}

// usesService are the other commands that send keys to the base URL.
var usesService = []string{"status", "doctor", "run", "gateway"}

// inAgentsShell reports whether this process runs in an agent's shell: our variable is set, or,
// under `run`, one of agentMarks is.
func (a *app) inAgentsShell() bool {
	if a.getenv(agentVariable) != "" {
		return true
	}
	return a.getenv(supervise.GatewayVariable) != "" &&
		slices.ContainsFunc(agentMarks, func(name string) bool { return a.getenv(name) != "" })
}

// refuseAgent refuses commands that an agent, or a prompt injected into it, must not run. It cannot
// stop an agent that unsets the variables. See docs/threat-model.md.
func (a *app) refuseAgent(command string, g *grammar) error {
	if !a.inAgentsShell() {
		return nil
	}
	dryRun := g.Install.DryRun || g.Uninstall.DryRun
	changes := g.Run.EnvKey || g.Config.changes() || g.Doctor.Repair
	offline := command == "status" && g.Status.Offline
	switch {
	case changes, slices.Contains(notForAgents, command) && !dryRun:
		return hint.On(hint.Refuse("an agent's shell may not get a key or change an account"),
			"run this in your own terminal")
	case slices.Contains(usesService, command) && !offline && redirects(g.BaseURL):
		return hint.On(hint.Refuse("an agent's shell may send keys only to the default base URL"),
			"leave out --base-url and OCGO_KEY_BASE_URL, or run this in your own terminal")
	case command == "status" && !offline:
		return hint.On(hint.Refuse("an agent's shell may not send keys to the service"),
			"`ocgo-key status --offline` shows what is known")
	}
	return nil
}

// defaultBaseURL is the default of --base-url.
const defaultBaseURL = "https://opencode.ai/zen/go/v1"

// redirects reports whether base is an address outside this machine that is not the service's.
func redirects(base string) bool {
	u, err := url.Parse(base)
	return err == nil && base != defaultBaseURL && !loopback(u.Hostname())
}
