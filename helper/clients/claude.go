package clients

import (
	"cmp"
	"encoding/json"
	"path/filepath"
)

// claudeModel is a model of the messages format, the only one that Claude Code speaks.
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
	// Claude Code uses these for its small requests, and for a model that is chosen by such a name.
	for _, name := range []string{"HAIKU", "SONNET", "OPUS", "FABLE"} {
		name = "ANTHROPIC_DEFAULT_" + name + "_MODEL"
		if start.variable(name) == "" {
			s.set(name, claudeModel)
		}
	}
	// A variable of a settings file replaces one of the environment, unless --settings has it too.
	// The token must not be in an argument, so it is in a header as well.
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
