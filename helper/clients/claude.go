package clients

import (
	"cmp"
	"encoding/json"
	"path/filepath"
)

// claudeModel is a model for the messages format, the only format that Claude Code uses.
const claudeModel = "minimax-m3"

// claude is Claude Code. Source: https://code.claude.com/docs/en/llm-gateway and
// https://code.claude.com/docs/en/env-vars.
var claude = Client{Name: "claude", settings: func(start Start, gw Gateway) (Settings, error) {
	var s Settings
	s.set("ANTHROPIC_BASE_URL", gw.Root) // Claude Code appends /v1/messages
	s.set("ANTHROPIC_AUTH_TOKEN", gw.Token)
	files := []string{
		filepath.Join(start.Dir, ".claude", "settings.local.json"),
		filepath.Join(start.Dir, ".claude", "settings.json"),
		filepath.Join(cmp.Or(start.Getenv("CLAUDE_CONFIG_DIR"), filepath.Join(start.Home, ".claude")), "settings.json"),
	}
	s.Model = cmp.Or(start.flag("--model"), start.variable("ANTHROPIC_MODEL"), setting(files, "model", "env.ANTHROPIC_MODEL"))
	if s.Model == "" {
		s.set("ANTHROPIC_MODEL", claudeModel)
	}
	// Claude Code uses these for small requests, and when the user chooses a model like "opus".
	for _, name := range []string{"HAIKU", "SONNET", "OPUS", "FABLE"} {
		name = "ANTHROPIC_DEFAULT_" + name + "_MODEL"
		if start.variable(name) == "" {
			s.set(name, claudeModel)
		}
	}
	// A settings file takes precedence over the environment, and --settings over both. No argument
	// may contain the token, so a header in the environment has it too.
	if setting(files, "env.ANTHROPIC_AUTH_TOKEN") != "" {
		const headers = "ANTHROPIC_CUSTOM_HEADERS"
		own := start.Getenv(headers)
		if own != "" {
			own += "\n"
		}
		s.Set = append(s.Set, Variable{headers, own + gw.Header + ": " + gw.Token, true})
	}
	s.Unset = []string{"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"}
	env := map[string]string{}
	if setting(files, "env.ANTHROPIC_BASE_URL") != "" {
		env["ANTHROPIC_BASE_URL"] = gw.Root
	}
	for _, name := range s.Unset {
		if setting(files, "env."+name) != "" {
			env[name] = ""
		}
	}
	if len(env) > 0 && start.flag("--settings") == "" {
		text, _ := json.Marshal(map[string]any{"env": env}) // strings always marshal
		s.Args = []string{"--settings", string(text)}
	}
	return s, nil
}}
